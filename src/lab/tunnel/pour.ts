// The client's program in the tunnel's lab: sends octets into the tunnel, and says what it has sent.
import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { payloadAt } from '../payload.ts'
import { kernelPipe, type Pipe } from '../pipe.ts'
import { fail, say, serveParent, sharedClock } from './child.ts'
import type { Poured, PourOrder } from './messages.ts'
import { NEAR_PORT } from './plan.ts'

let isEnough = false

/** Sends until it is enough. */
async function pour(pipe: Pipe, most: number): Promise<void> {
  const hash = createHash('sha256')
  const beganAt = sharedClock()
  let octets = 0
  while (octets < most && !isEnough) {
    const chunk = payloadAt(octets, most - octets)
    hash.update(chunk)
    octets += chunk.length
    await pipe.write(chunk)
  }
  await pipe.end()
  while ((await pipe.read()) !== undefined);
  pipe.destroy()
  say({ octets, sha256: hash.digest('hex'), beganAt } satisfies Poured)
}

serveParent((order: PourOrder) => {
  if ('enough' in order) isEnough = true
  else {
    isEnough = false
    const socket = connect({ host: '127.0.0.1', port: NEAR_PORT, allowHalfOpen: true }, () => {
      pour(kernelPipe(socket), order.pour ?? Number.POSITIVE_INFINITY).catch(fail)
    })
    socket.on('error', fail)
  }
})
say('ready')
