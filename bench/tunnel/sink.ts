// Takes streams and says of each what came: npm run bench -- tunnel starts it.
import type { Socket } from 'node:net'
import { say, serveParent } from '../../src/lab/tunnel/child.ts'
import { MarkChecker } from '../mark.ts'
import { type Kind, listenFor, order } from './ends.ts'

/** Of one stream. */
export interface Taken {
  readonly octets: number
  /** From the first octet to the last. */
  readonly ms: number
  readonly wrong: number
}

function take(socket: Socket): void {
  const seen = new MarkChecker()
  let [first, last] = [0, 0]
  socket.on('data', (chunk) => {
    last = performance.now()
    if (seen.bytes === 0) first = last
    seen.take(chunk, chunk.length)
  })
  // A peer that resets has sent what it has sent.
  socket.on('error', () => undefined)
  socket.on('close', () => say({ octets: seen.bytes, ms: last - first, wrong: seen.wrong } satisfies Taken))
}

const { kind, folder } = order<{ kind: Kind; folder: string }>()
serveParent(() => undefined)
say({ port: await listenFor(kind, folder, take) })
