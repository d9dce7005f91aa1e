// Before each test file: what jsdom lacks.
if (!("ResizeObserver" in globalThis)) {
  globalThis.ResizeObserver = class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  }
}
if (!("matchMedia" in window)) {
  Object.defineProperty(window, "matchMedia", {
    value: (media: string) => ({ media, matches: false, addEventListener() {}, removeEventListener() {} }),
  })
}
