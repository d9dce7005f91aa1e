// Whether this page records just now. It goes on while other screens are shown, and the frame says so.
export const recording = $state({ on: false })
