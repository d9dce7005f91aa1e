// Samples as a WAV file, which every decoder reads.

/** 16-bit mono in pieces, at a rate. */
export function wav(pieces: readonly Int16Array[], rate: number): File {
  const size = 2 * pieces.reduce((sum, { length }) => sum + length, 0)
  const head = new DataView(new ArrayBuffer(44))
  const text = (at: number, said: string): void => Array.from(said).forEach((letter, i) => head.setUint8(at + i, letter.charCodeAt(0)))
  text(0, "RIFF")
  head.setUint32(4, 36 + size, true)
  text(8, "WAVEfmt ")
  head.setUint32(16, 16, true)
  head.setUint16(20, 1, true)
  head.setUint16(22, 1, true)
  head.setUint32(24, rate, true)
  head.setUint32(28, 2 * rate, true)
  head.setUint16(32, 2, true)
  head.setUint16(34, 16, true)
  text(36, "data")
  head.setUint32(40, size, true)
  return new File([head.buffer, ...pieces.map((piece) => piece.slice().buffer)], "microphone.wav", { type: "audio/wav" })
}
