// Keeps the screen on while somebody reads. Browsers let go of it whenever the page is hidden.

/** Keep it on until the function that is returned is called. Where that can't be had, nothing happens. */
export function awake(): () => void {
  let lock: WakeLockSentinel | null = null
  let over = false
  const take = async (): Promise<void> => {
    if (document.visibilityState !== "visible" || over) return
    try {
      const taken = await navigator.wakeLock?.request("screen")
      if (over) void taken?.release()
      else lock = taken ?? null
    } catch {
      // a battery that is nearly empty, or a browser that does not do it
    }
  }
  const seen = (): void => void take()
  document.addEventListener("visibilitychange", seen)
  void take()
  return () => {
    over = true
    document.removeEventListener("visibilitychange", seen)
    void lock?.release()
  }
}
