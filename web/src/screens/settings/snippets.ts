// Examples that run as they are, once there is a key in them: OpenAI's clients, which know this server's door.
export const TONGUES = { python: "Python", javascript: "JavaScript", curl: "curl" } as const
export type Tongue = keyof typeof TONGUES

/** The example in a language, for the server at `base` (its `/v1`). */
export function snippet(tongue: Tongue, base: string, key: string): string {
  if (tongue === "python") {
    return `# pip install openai
from openai import OpenAI

client = OpenAI(base_url="${base}", api_key="${key}")

with open("talk.wav", "rb") as file:
    transcript = client.audio.transcriptions.create(model="whisper-1", file=file)
print(transcript.text)
`
  }
  if (tongue === "javascript") {
    return `// npm install openai
import fs from "node:fs"
import OpenAI from "openai"

const client = new OpenAI({ baseURL: "${base}", apiKey: "${key}" })

const file = fs.createReadStream("talk.wav")
const transcript = await client.audio.transcriptions.create({ model: "whisper-1", file })
console.log(transcript.text)
`
  }
  return `curl ${base}/audio/transcriptions \\
  -H "Authorization: Bearer ${key}" \\
  -F model=whisper-1 \\
  -F file=@talk.wav
`
}
