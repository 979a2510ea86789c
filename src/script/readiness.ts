import { isDeferred } from './fast-open.ts'
import type { KernelSocket } from './socket.ts'
import { Poll } from './symbols.ts'

/** What poll(2) reports of a socket (tcp_poll), before the events asked for are picked from it. */
export function readiness(socket: KernelSocket): number {
  const { tcb, listener } = socket
  if (listener !== undefined) return listener.waiting > 0 ? Poll.POLLIN | Poll.POLLRDNORM : 0
  let mask = 0
  const isClosed = tcb === undefined || tcb.isOver
  const readOver = socket.readShut || (tcb !== undefined && (tcb.peerClosed || tcb.isOver))
  const writeOver = socket.writeShut || (tcb !== undefined && (tcb.finQueued || tcb.isOver))
  if ((readOver && writeOver) || isClosed) mask |= Poll.POLLHUP
  if (readOver) mask |= Poll.POLLIN | Poll.POLLRDNORM | Poll.POLLRDHUP
  if (!socket.isConnecting) {
    if (tcb !== undefined && tcb.receiveRing.length > 0) mask |= Poll.POLLIN | Poll.POLLRDNORM
    if (writeOver || isClosed || socket.space?.isWritable === true) mask |= Poll.POLLOUT | Poll.POLLWRNORM
  }
  // tcp_poll: a write would let the SYN go.
  if (isDeferred(socket)) mask |= Poll.POLLOUT | Poll.POLLWRNORM
  if (socket.error !== undefined) mask |= Poll.POLLERR
  return mask
}

/** The part of it that a caller who asked for `events` is told. */
export const reported = (mask: number, events: number): number => mask & (events | Poll.POLLERR | Poll.POLLHUP)
