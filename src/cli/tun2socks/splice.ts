import type { Socket } from 'node:net'
import { NetError } from '../../base/errors.ts'
import type { TcpSocket } from '../../stack/tcp-socket.ts'
import { checkEnd } from '../../tunnel/services/hidden-reset.ts'

/** Bytes that may wait for the inside to take them before the outside is held back, and when it may go on. */
const HIGH = 512 * 1024
const LOW = 128 * 1024

/** What has passed, in bytes: up is towards the proxy. */
export interface Passed {
  up: number
  down: number
}

/**
 * Joins two connections until both directions have ended: each end of a stream is handed on as such, each side waits
 * for the other, and what breaks one resets the other.
 * @throws what broke it.
 */
export async function splice(inside: TcpSocket, outside: Socket, passed: Passed): Promise<void> {
  try {
    if (outside.destroyed) throw broken(outside)
    // Whichever side breaks may do so while the other is waited for.
    const lost = new Promise<never>((_, reject) => {
      outside.once('close', () => reject(broken(outside)))
      inside.closed.catch(reject)
    })
    await Promise.race([Promise.all([carryUp(inside, outside, passed), carryDown(outside, inside, passed)]), lost])
  } catch (error) {
    inside.abort()
    outside.resetAndDestroy()
    throw error
  }
}

async function carryUp(inside: TcpSocket, outside: Socket, passed: Passed): Promise<void> {
  for (let chunk = await inside.read(); chunk !== null; chunk = await inside.read()) {
    passed.up += chunk.length
    if (!outside.write(chunk)) await drained(outside)
  }
  outside.end()
}

/** Resolves when the socket takes more, or never will. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done)
      resolve()
    }
    socket.on('drain', done).on('close', done)
    if (socket.destroyed) done()
  })
}

function carryDown(outside: Socket, inside: TcpSocket, passed: Passed): Promise<void> {
  return new Promise((resolve, reject) => {
    let waiting = 0
    const onData = (chunk: Buffer): void => {
      passed.down += chunk.length
      waiting += chunk.length
      if (waiting >= HIGH) outside.pause()
      inside.write(chunk).then(() => {
        waiting -= chunk.length
        if (waiting <= LOW && outside.isPaused()) outside.resume()
      }, reject)
    }
    const onEnd = (): void => {
      // A reset that comes with the last octets looks like an end.
      checkEnd(outside, (isReset) => {
        if (isReset) return reject(broken(outside))
        inside.end()
        resolve()
      })
    }
    outside.on('data', onData).once('end', onEnd)
  })
}

function broken({ errored, remoteAddress, remotePort }: Socket): NetError {
  const code = (errored as NodeJS.ErrnoException | null)?.code === 'ETIMEDOUT' ? 'ETIMEDOUT' : 'ECONNRESET'
  const where = {
    syscall: 'read',
    ...(remoteAddress === undefined ? {} : { address: remoteAddress, port: remotePort! }),
  }
  return new NetError(code, 'The connection through the proxy broke', where)
}
