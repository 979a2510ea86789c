import type { Socket } from 'node:net'
import { markAll } from '../mark.ts'

/** Octets that are written at once. */
export const POUR_AT_ONCE = 65_536

/** The marks of a stream repeat after so much. */
const PERIOD = 1 << 20
const stream = new Uint8Array(PERIOD)
markAll(stream, 0)

/** The piece of a marked stream that begins at `offset`, a multiple of its length. */
export const pieceAt = (offset: number): Uint8Array =>
  stream.subarray(offset % PERIOD, (offset % PERIOD) + POUR_AT_ONCE)

/** Pours as fast as a socket takes it, until it closes. */
export function pourInto(socket: Socket): void {
  let octets = 0
  const fill = (): void => {
    while (!socket.destroyed) {
      const goesOn = socket.write(pieceAt(octets))
      octets += POUR_AT_ONCE
      if (!goesOn) return
    }
  }
  socket.on('drain', fill)
  fill()
}
