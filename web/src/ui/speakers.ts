// How speakers are told apart: by name and by shape, and by colour beside these, never by colour alone.

/** Outlines in a box of 12 by 12. */
export const SHAPES = [
  "M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1z",
  "M1.5 1.5h9v9h-9z",
  "M6 .8 11.6 10.6H.4z",
  "M6 .3 11.7 6 6 11.7.3 6z",
  "M3.4 1h5.2L11.4 6 8.6 11H3.4L.6 6z",
  "M4.2.8h3.6v3.4h3.4v3.6H7.8v3.4H4.2V7.8H.8V4.2h3.4z",
  "M6 .6l1.6 3.5 3.8.4-2.8 2.6.8 3.8L6 9l-3.4 1.9.8-3.8L.6 4.5l3.8-.4z",
  "M6 1a5 5 0 1 1 0 10A5 5 0 0 1 6 1zm0 2.8a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4z",
] as const

/** The colour and shape of the n-th speaker of a recording. */
export function mark(n: number): { colour: string; shape: string } {
  return { colour: `var(--s${n % 8})`, shape: SHAPES[n % SHAPES.length] ?? SHAPES[0] }
}
