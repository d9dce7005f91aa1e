// The shared worker around the hub: one for all tabs. A tab says first where the server is, "again" when somebody has
// logged in, and "gone" when it closes.
import { Hub } from "./hub"

type Said = { address: string } | "again" | "gone"

let hub: Hub | null = null
const shared = self as unknown as { onconnect: (event: MessageEvent) => void }

shared.onconnect = (event) => {
  const port = event.ports[0]
  if (!port) return
  let leave = (): void => {}
  port.onmessage = ({ data }: MessageEvent<Said>) => {
    if (data === "again") hub?.again()
    else if (data === "gone") leave()
    else leave = (hub ??= new Hub(data.address)).listen((told) => port.postMessage(told))
  }
}
