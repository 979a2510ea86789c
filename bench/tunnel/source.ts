// Pours a stream into a port for a time: npm run bench -- tunnel starts it.
import { say, serveParent } from '../../src/lab/tunnel/child.ts'
import { connectTo, type Kind } from './ends.ts'
import { POUR_AT_ONCE, pieceAt } from './pour.ts'

export interface Pour {
  readonly kind: Kind
  readonly port: number
  readonly ms: number
}

export interface Poured {
  readonly octets: number
}

/** One that does not close although we have ended is left, in milliseconds. */
const PATIENCE = 5000

function pour({ kind, port, ms }: Pour): void {
  let octets = 0
  const fill = (): void => {
    while (performance.now() < stopAt) {
      const goesOn = socket.write(pieceAt(octets))
      octets += POUR_AT_ONCE
      if (!goesOn) return
    }
    socket.off('drain', fill).end(() => socket.setTimeout(PATIENCE, () => socket.destroy()))
  }
  let stopAt = 0
  const socket = connectTo(kind, port, () => {
    stopAt = performance.now() + ms
    fill()
  })
  socket.on('drain', fill).resume()
  socket.on('error', () => undefined)
  socket.on('close', () => say({ octets } satisfies Poured))
}

serveParent(pour)
say({})
