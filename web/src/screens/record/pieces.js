// Runs in the browser's audio thread: hands the sound over in pieces of 40 ms, mono, as 16 bit integers.
// Plain JavaScript, as browsers load it into that thread as it is.

class Pieces extends AudioWorkletProcessor {
  constructor() {
    super()
    this.piece = new Int16Array(Math.round(sampleRate / 25))
    this.filled = 0
  }

  process([input]) {
    if (!input.length) return true
    for (let i = 0; i < input[0].length; i++) {
      let sum = 0
      for (const channel of input) sum += channel[i]
      const value = Math.max(-1, Math.min(1, sum / input.length))
      this.piece[this.filled++] = Math.round(value * 32767)
      if (this.filled === this.piece.length) {
        const piece = this.piece.slice()
        this.port.postMessage(piece, [piece.buffer])
        this.filled = 0
      }
    }
    return true
  }
}

registerProcessor("pieces", Pieces)
