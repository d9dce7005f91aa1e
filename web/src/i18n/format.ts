// Times, sizes and numbers as people of the page's language write them.
import { tongue } from "./index.svelte"

/** Seconds as a clock: 1:02 or 1:02:03; with tenths where wanted. */
export function clock(seconds: number, tenths = false): string {
  const whole = Math.floor(Math.max(0, seconds) + 1e-6)
  const h = Math.floor(whole / 3600)
  const m = Math.floor(whole / 60) % 60
  const s = String(whole % 60).padStart(2, "0")
  const rest = tenths ? `.${Math.floor((Math.max(0, seconds) + 1e-6 - whole) * 10)}` : ""
  return (h ? `${h}:${String(m).padStart(2, "0")}` : String(m)) + `:${s}${rest}`
}

/** A moment of the Unix clock, as a date and a time of day. */
export function moment(unixS: number, style: Intl.DateTimeFormatOptions = { dateStyle: "medium", timeStyle: "short" }): string {
  return new Intl.DateTimeFormat(tongue.language, style).format(unixS * 1000)
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000], ["month", 2_592_000], ["day", 86_400], ["hour", 3600], ["minute", 60],
]

/** A moment seen from now: "5 minutes ago". */
export function ago(unixS: number, nowS = Date.now() / 1000): string {
  const format = new Intl.RelativeTimeFormat(tongue.language, { numeric: "auto" })
  const past = unixS - nowS
  for (const [unit, size] of STEPS) if (Math.abs(past) >= size) return format.format(Math.trunc(past / size), unit)
  return format.format(0, "second")
}

/** Bytes in a unit that people read. */
export function bytes(n: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"] as const
  const i = n < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(n) / 3))
  const unit = units[i] ?? "byte"
  return new Intl.NumberFormat(tongue.language, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: n / 1000 ** i < 10 && i ? 1 : 0 })
    .format(n / 1000 ** i)
}

/** A number with so many places after the point. */
export function number(n: number, places = 0): string {
  return n.toLocaleString(tongue.language, { maximumFractionDigits: places, minimumFractionDigits: places })
}

/** A share of one in per cent. */
export function percent(share: number): string {
  return share.toLocaleString(tongue.language, { style: "percent" })
}
