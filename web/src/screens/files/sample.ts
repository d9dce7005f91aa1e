// The recording that comes with Earwitness, taken the way of any file.
import { call } from "../../api/client"
import { uploads } from "./uploads.svelte"

export async function trySample(): Promise<void> {
  const answer = await call("/api/sample")
  uploads.add([new File([await answer.blob()], "Sample conversation.wav", { type: "audio/wav", lastModified: 0 })])
}
