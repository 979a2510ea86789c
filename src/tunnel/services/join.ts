import type { Socket } from 'node:net'
import { ResetCode, type SessionStream, type StreamEvents } from '../../session/stream-types.ts'
import type { Open, OpenSet } from './open-set.ts'
import { resetCodeOf } from './reset-reason.ts'
import { abort, Splice } from './splice.ts'
import type { Tally } from './tally.ts'

/** What a service keeps of its streams. */
export interface Ledger {
  readonly tally: Tally
  readonly open: OpenSet
}

/** Joins a connection that came to us with the stream that was opened for it; the tally has begun it. */
export function joinAsking(socket: Socket, stream: SessionStream, { tally, open }: Ledger, isAccepted = false): void {
  const splice: Splice = new Splice(socket, stream, {
    fromSocket: tally.in,
    fromStream: tally.out,
    onEnd: (code) => {
      open.delete(splice)
      tally.end(code, isAccepted || splice.isAccepted)
    },
  })
  open.add(splice)
}

/** Joins a stream that the other side opened with the connection it led to; the tally has begun it. */
export function joinAnswering(socket: Socket, stream: SessionStream, { tally, open }: Ledger): Splice {
  const splice: Splice = new Splice(socket, stream, {
    fromSocket: tally.out,
    fromStream: tally.in,
    onEnd: (code) => {
      open.delete(splice)
      tally.end(code)
    },
  })
  open.add(splice)
  return splice
}

/** A stream that waits for the connection it leads to; what it brings waits with it, as far as its credit reaches. */
class Waiting implements StreamEvents, Open {
  readonly stream: SessionStream
  readonly #controller = new AbortController()
  stopped: number | undefined = undefined
  /** Why it was given up, by whichever side. */
  code: number | undefined = undefined

  constructor(stream: SessionStream) {
    this.stream = stream
    stream.events = this
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  onReset(code: number): void {
    this.code ??= code
    this.#controller.abort()
  }

  onStopped(code: number): void {
    this.stopped = code
  }

  abort(code: ResetCode): void {
    this.stream.reset(code)
    this.onReset(code)
  }
}

/**
 * Answers a stream: reaches what it leads to, accepts it, and joins the two; or resets it with what went wrong.
 * @param reach makes the connection; its signal says that nobody waits for it any more
 * @param onFailure hears why it could not be made
 */
export async function answer(
  stream: SessionStream,
  ledger: Ledger,
  reach: (signal: AbortSignal) => Promise<Socket>,
  onFailure: ((error: Error) => void) | undefined,
): Promise<void> {
  const { tally, open } = ledger
  const waiting = new Waiting(stream)
  tally.begin()
  open.add(waiting)
  try {
    const socket = await reach(waiting.signal)
    if (waiting.code !== undefined) {
      abort(socket)
      tally.end(waiting.code, false)
    } else {
      stream.accept()
      const splice = joinAnswering(socket, stream, ledger)
      if (waiting.stopped !== undefined) splice.onStopped(waiting.stopped)
    }
  } catch (error) {
    const code = waiting.code ?? resetCodeOf(error)
    if (waiting.code === undefined) {
      stream.reset(code)
      onFailure?.(error as Error)
    }
    tally.end(code, false)
  } finally {
    open.delete(waiting)
  }
}

/** Turns a stream away. */
export function refuse(stream: SessionStream, tally: Tally, code: ResetCode = ResetCode.LIMIT): void {
  tally.refuse(code)
  stream.reset(code)
}
