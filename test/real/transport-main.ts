// Dials as its argument says, sends 1 MiB each time, and wants it back: node transport-main.js '[{"host":"10.0.0.1","port":7}]'
// Prints one line: what came of each dial. Ends by itself when nothing is left open.
import { createHash, randomBytes } from 'node:crypto'
import type { PathInput } from '../../src/session/paths/pipe.ts'
import { type DialOptions, dialPath } from '../../src/transport/dial.ts'
import { SocketPipe } from '../../src/transport/pipe.ts'
import { secureClient } from '../../src/transport/tls.ts'

interface Task extends DialOptions {
  readonly tls?: boolean
}

const SIZE = 1024 * 1024
const tasks: readonly Task[] = JSON.parse(process.argv[2]!)

async function exchange(task: Task): Promise<string> {
  const plain = await dialPath({ timeout: 20_000, ...task })
  const peer = { peer: 'the server', trust: { channel: true } } as const
  const socket = task.tls === true ? await secureClient(plain, peer) : plain
  const pipe = new SocketPipe(socket)
  const sent = randomBytes(SIZE)
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
  return await new Promise((resolve) => {
    const chunks: Uint8Array[] = []
    let next = 0
    let length = 0
    const send = (): void => {
      while (next < SIZE && pipe.write([sent.subarray(next, (next += 32_768))]));
    }
    const input: PathInput = {
      onBytes: (bytes) => {
        chunks.push(bytes)
        length += bytes.length
        if (length === SIZE) pipe.end()
      },
      onWritable: send,
      onClosed: (reason) => resolve(digest(Buffer.concat(chunks)) === digest(sent) ? 'same' : `${length}: ${reason}`),
    }
    pipe.start(input)
    send()
  })
}

const outcomes = await Promise.all(tasks.map((task) => exchange(task).catch((error) => `${error.message}`)))
console.log(JSON.stringify(outcomes))
