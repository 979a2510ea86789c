import { ResetCode, type SessionStream, type StreamEvents } from '../../session/streams/stream-types.ts'
import { type Open, OpenSet } from './open-set.ts'
import { type RateLimits, rateLimits } from './rate-limit.ts'
import { resetCodeOf } from './reset-reason.ts'
import { abort, type Connection, Splice } from './splice.ts'
import { Tally } from './tally.ts'

/** What a service keeps of its streams. */
export interface Ledger {
  readonly tally: Tally
  readonly open: OpenSet
  readonly limits: RateLimits | undefined
}

/** That of a service that begins. @param rate bits per second each way */
export const newLedger = (rate: number | undefined): Ledger => ({
  tally: new Tally(),
  open: new OpenSet(),
  limits: rateLimits(rate),
})

/** Joins a connection that came to us with the stream that was opened for it; the tally has begun it. */
export function joinAsking(
  connection: Connection,
  stream: SessionStream,
  { tally, open, limits }: Ledger,
  isAccepted = false,
): void {
  const splice: Splice = new Splice(connection, stream, {
    fromSocket: tally.in,
    fromStream: tally.out,
    limits: limits && { fromSocket: limits.in, fromStream: limits.out },
    onEnd: (code) => {
      open.delete(splice)
      tally.end(code, isAccepted || splice.isAccepted)
    },
  })
  open.add(splice)
}

/** Joins a stream that the other side opened with the connection it led to; the tally has begun it. */
function joinAnswering(connection: Connection, stream: SessionStream, { tally, open, limits }: Ledger): Splice {
  const splice: Splice = new Splice(connection, stream, {
    fromSocket: tally.out,
    fromStream: tally.in,
    limits: limits && { fromSocket: limits.out, fromStream: limits.in },
    onEnd: (code) => {
      open.delete(splice)
      tally.end(code)
    },
  })
  open.add(splice)
  return splice
}

/** A stream that waits for the connection it leads to; what it brings waits with it, as far as its credit reaches. */
export class Waiting implements StreamEvents, Open {
  readonly stream: SessionStream
  /** Hears that there is something to read. */
  onReadable: () => void = () => undefined
  readonly #controller = new AbortController()
  #isAccepted = false
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

  get isAccepted(): boolean {
    return this.#isAccepted
  }

  /** Says that what it leads to is reached; harmless when repeated. */
  accept(): void {
    if (!this.#isAccepted) this.stream.accept()
    this.#isAccepted = true
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
 * @param reach makes the connection; the stream's signal says that nobody waits for it any more
 * @param onFailure hears why it could not be made
 */
export async function answer(
  stream: SessionStream,
  ledger: Ledger,
  reach: (waiting: Waiting) => Promise<Connection>,
  onFailure: ((error: Error) => void) | undefined,
): Promise<void> {
  const { tally, open } = ledger
  const waiting = new Waiting(stream)
  tally.begin()
  open.add(waiting)
  try {
    const connection = await reach(waiting)
    if (waiting.code !== undefined) {
      abort(connection.socket)
      tally.end(waiting.code, waiting.isAccepted)
    } else {
      waiting.accept()
      const splice = joinAnswering(connection, stream, ledger)
      if (waiting.stopped !== undefined) splice.onStopped(waiting.stopped)
    }
  } catch (error) {
    const code = waiting.code ?? resetCodeOf(error)
    if (waiting.code === undefined) {
      stream.reset(code)
      onFailure?.(error as Error)
    }
    tally.end(code, waiting.isAccepted)
  } finally {
    open.delete(waiting)
  }
}

/** Turns a stream away. */
export function refuse(stream: SessionStream, tally: Tally, code: ResetCode = ResetCode.LIMIT): void {
  tally.refuse(code)
  stream.reset(code)
}
