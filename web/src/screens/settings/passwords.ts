// Passwords as the server takes them, and one thought up that people can read out and type.
export const LEAST = 12

// Letters and digits that are not taken for one another.
const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
const PARTS = 4
const EACH = 5

/** Four groups of five: 100 bits. */
export function thoughtUp(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(PARTS * EACH))
  const letters = [...bytes].map((byte) => LETTERS[byte % LETTERS.length]).join("")
  return letters.match(new RegExp(`.{${EACH}}`, "g"))?.join("-") ?? letters
}
