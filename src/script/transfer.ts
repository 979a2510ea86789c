import { consumed } from '../tcp/receive/receive.ts'
import type { Tcb } from '../tcp/tcb.ts'
import { endRecord, send } from '../tcp/user.ts'
import { isBeforeSyn, takeOntoSyn } from './fast-open.ts'
import type { Machine } from './machine.ts'
import { type Attempt, failed, type KernelSocket, type Outcome, ok } from './socket.ts'
import { Message } from './symbols.ts'

const ZEROS = new Uint8Array(65_536)

/** What a receiving call found besides its return value. */
export interface Received {
  /** The bytes, when the caller compares them. */
  readonly bytes: Uint8Array[]
  /** MSG_* bits of the answer. */
  flags: number
}

/** What a sending call asks for. */
export interface SendRequest {
  readonly count: number
  /** What to write; zeros, as packetdrill writes, where there is nothing else. */
  readonly bytes?: Uint8Array
  /** MSG_* bits. */
  readonly flags: number
}

/** tcp_recvmsg: what is there, the end of the stream, the pending error, or nothing yet. */
export function receiveAttempt(
  machine: Machine,
  socket: KernelSocket,
  request: { count: number; flags: number; into?: Received },
): Attempt {
  const { count, flags, into } = request
  const deadline = socket.receiveTimeout > 0 ? machine.now + 1000 * socket.receiveTimeout : Number.POSITIVE_INFINITY
  const mayBlock = !socket.isNonBlocking && (flags & Message.MSG_DONTWAIT) === 0
  const isPeek = (flags & Message.MSG_PEEK) !== 0
  let copied = 0
  return () => {
    const { tcb } = socket
    if (tcb === undefined) return failed('ENOTCONN')
    const wanted = isPeek ? Math.min(count, tcb.receiveRing.length) : count - copied
    copied += isPeek ? peek(tcb, wanted, into) : take(machine, tcb, wanted, into)
    const waitsForAll = (flags & Message.MSG_WAITALL) !== 0 && !isPeek
    if (copied > 0 && (copied >= count || !waitsForAll)) return ok(copied)
    if (count === 0) return ok(0)
    if (copied > 0 && (socket.error !== undefined || socket.isReadOver)) return ok(copied)
    // A FIN that was read to its end is told before what came after it (SOCK_DONE).
    const error = tcb.peerClosed ? undefined : socket.takeError()
    if (error !== undefined) return failed(error)
    if (socket.isReadOver) return ok(0)
    if (!mayBlock || machine.now >= deadline) return copied > 0 ? ok(copied) : failed('EAGAIN')
    return undefined
  }
}

function take(machine: Machine, tcb: Tcb, count: number, into: Received | undefined): number {
  let copied = 0
  while (copied < count && tcb.receiveRing.length > 0) {
    const view = tcb.receiveRing.peek()
    const size = Math.min(view.length, count - copied)
    into?.bytes.push(view.slice(0, size))
    consumed(tcb, size, machine.now)
    copied += size
  }
  return copied
}

function peek(tcb: Tcb, count: number, into: Received | undefined): number {
  const view = tcb.receiveRing.peek()
  const size = Math.min(view.length, count)
  into?.bytes.push(view.slice(0, size))
  return size
}

/** tcp_sendmsg: fills the send queue buffer by buffer, and waits for room, or for the connection, where it may. */
export function sendAttempt(machine: Machine, socket: KernelSocket, request: SendRequest): Attempt {
  const { count, flags } = request
  const deadline = socket.sendTimeout > 0 ? machine.now + 1000 * socket.sendTimeout : Number.POSITIVE_INFINITY
  const mayBlock = !socket.isNonBlocking && (flags & Message.MSG_DONTWAIT) === 0
  const more = (flags & Message.MSG_MORE) !== 0
  let copied = 0
  let waitsForRoom = false
  let opens = false
  const blocked = (): Outcome | undefined => {
    if (mayBlock && machine.now < deadline) return undefined
    return copied > 0 ? ok(copied) : failed(opens ? 'EINPROGRESS' : 'EAGAIN')
  }
  return () => {
    const { tcb, space } = socket
    if (tcb === undefined || space === undefined) return failed('EPIPE')
    if (isBeforeSyn(socket) && !opens) {
      opens = true
      copied = takeOntoSyn(socket, count)
      if (copied > 0) {
        write(tcb, request, 0, copied, false)
        space.wrote(copied)
      }
      machine.settle()
    }
    if (socket.isConnecting && !tcb.passive) {
      if (mayBlock && copied < count) tcb.writeBlocked = true
      return blocked()
    }
    if (opens && socket.error !== undefined) return failed(socket.takeError() ?? 'EPIPE')
    if (waitsForRoom && !space.isWritable && !socket.isWriteOver) return blocked()
    for (;;) {
      const error = socket.takeError()
      if (error !== undefined || socket.isWriteOver) return copied > 0 ? ok(copied) : failed(error ?? 'EPIPE')
      if (copied === count) return ok(count)
      const size = Math.min(space.room, count - copied)
      if (size === 0) {
        waitsForRoom = true
        tcb.writeBlocked = true
        machine.settle()
        return blocked()
      }
      write(tcb, request, copied, size, more || copied + size < count)
      space.wrote(size)
      copied += size
      const isPushed = space.takesPush(copied === count && !more)
      if (space.isLastFull || (copied === count && (flags & Message.MSG_EOR) !== 0)) endRecord(tcb, isPushed)
      if (copied < count && space.isLastFull) machine.settle()
    }
  }
}

function write(tcb: Tcb, request: SendRequest, from: number, size: number, more: boolean): void {
  // How much may wait is decided by SendSpace alone.
  tcb.sendBuffer.limit = Number.POSITIVE_INFINITY
  const source = request.bytes?.subarray(from, from + size) ?? zeros(size)
  send(tcb, source, 0, more)
}

const zeros = (size: number): Uint8Array => (size <= ZEROS.length ? ZEROS.subarray(0, size) : new Uint8Array(size))
