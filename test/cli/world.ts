import { PassThrough, Readable } from 'node:stream'
import { run } from '../../src/cli/run.ts'

/** What a command line did. */
export interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs one command line in this process, with streams of our own and without a terminal. */
export async function gotcp(...argv: readonly string[]): Promise<Outcome> {
  const streams = [new PassThrough(), new PassThrough()] as const
  const texts = ['', '']
  streams.forEach((stream, i) => {
    stream.on('data', (chunk) => (texts[i] += chunk))
  })
  const code = await run({ argv, env: {}, stdin: Readable.from([]), stdout: streams[0], stderr: streams[1] })
  for (const stream of streams) stream.end()
  return { code, stdout: texts[0]!, stderr: texts[1]! }
}
