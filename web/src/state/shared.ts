// The key of a link that somebody was given: it shows the captions of one recording to people without an account.
// It stands behind the address's #, which browsers send to nobody and servers write into no log.
const AT = /\/captions\/[^/]+$/
const KEY = /^#key=(ew_[0-9a-f]{8}_[\w-]+)$/

/** The key in an address, where it is one of captions. */
export function keyOf({ pathname, hash }: Pick<Location, "pathname" | "hash">): string | null {
  return (AT.test(pathname) && KEY.exec(hash)?.[1]) || null
}

/** The key that this page was opened with. With one, nobody is logged in and nothing else is shown. */
export const shared = keyOf(location)
