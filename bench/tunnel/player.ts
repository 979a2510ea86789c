// One end of transfers that end in every way there is: npm run bench -- tunnel starts it, as the one who connects and as the
// one who is connected to.
import { createHash } from 'node:crypto'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { payloadAt } from '../../src/lab/payload.ts'
import { say, serveParent } from '../../src/lab/tunnel/child.ts'
import { checkEnd } from '../../src/tunnel/services/hidden-reset.ts'
import { order } from './ends.ts'

/** What one end does with the next connection. */
export interface Play {
  /** Where to connect to; the one who is connected to waits. */
  readonly port?: number
  /** Octets that it sends. */
  readonly gives: number
  /** And then. */
  readonly ending: 'end' | 'reset'
  /** Only when the other end has ended. */
  readonly waits: boolean
}

/** What came of it. */
export interface Played {
  readonly octets: number
  readonly sha256: string
  /** The other end ended in good order. */
  readonly isWhole: boolean
}

/** No transfer takes longer than this without an octet, in milliseconds. */
const PATIENCE = 10_000

function play(socket: Socket, { gives, ending, waits }: Play): void {
  const hash = createHash('sha256')
  let [octets, isWhole, given] = [0, false, 0]
  const give = (): void => {
    while (given < gives) {
      const piece = payloadAt(given, gives - given)
      given += piece.length
      if (!socket.write(piece)) return
    }
    if (ending === 'end') socket.end()
    // What the kernel has not sent is thrown away by a reset, which is as it is anywhere.
    else socket.resetAndDestroy()
  }
  socket.on('drain', give)
  socket.on('data', (bytes) => {
    octets += bytes.length
    hash.update(bytes)
  })
  socket.on('end', () => {
    checkEnd(socket, (isReset) => {
      isWhole = !isReset
      if (isReset) socket.destroy()
      else if (waits) give()
    })
  })
  socket.on('error', () => {
    isWhole = false
  })
  socket.on('close', () => say({ octets, sha256: hash.digest('hex'), isWhole } satisfies Played))
  socket.setTimeout(PATIENCE, () => socket.destroy(new Error('nothing moves')))
  if (!waits) give()
}

const { isServer } = order<{ isServer: boolean }>()
if (isServer) {
  let next: Play | undefined
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => play(socket, next!))
  serveParent((wish: Play) => {
    next = wish
    say({})
  })
  server.listen(0, '127.0.0.1', () => say({ port: (server.address() as AddressInfo).port }))
} else {
  serveParent((wish: Play) => {
    const socket = connect({ port: wish.port!, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }, () =>
      play(socket, wish),
    )
  })
  say({})
}
