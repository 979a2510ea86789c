import { ResetCode, type SessionStream, type StreamEvents } from '../../session/streams/stream-types.ts'
import { refuse } from './join.ts'
import { type Open, OpenSet } from './open-set.ts'
import type { AnsweringService, CloseOptions, ServiceStatus } from './service.ts'
import { Tally } from './tally.ts'
import { DEFAULT_MAX_CONNECTIONS } from './tcp-forward.ts'

/** The first octet of a stream says what the other side wants to measure. */
export const BenchMode = {
  /** Takes all, and says at the end how much it was: a number in decimal digits. */
  SINK: 1,
  /** Sends until it is told to stop. */
  SOURCE: 2,
  /** Says again what it hears. */
  ECHO: 3,
} as const

export interface BenchBackendOptions {
  readonly name: string
  /** Streams at once; those above are refused. Default 10,000. */
  readonly maxConnections?: number
}

/** What a source sends: always the same octets, which nobody changes. */
const BLOCK = new Uint8Array(65_536).map((_, i) => (i * 167) & 0xff)

/** Nothing beyond: streams that measure the tunnel itself. */
export class BenchBackend implements AnsweringService {
  readonly name: string
  readonly #most: number
  readonly #tally = new Tally()
  readonly #open = new OpenSet()
  #isClosing = false

  constructor({ name, maxConnections = DEFAULT_MAX_CONNECTIONS }: BenchBackendOptions) {
    this.name = name
    this.#most = maxConnections
  }

  status(): ServiceStatus {
    return { name: this.name, kind: 'bench', listening: undefined, target: 'nothing', ...this.#tally.toJSON() }
  }

  onStream(stream: SessionStream): void {
    const tally = this.#tally
    const open = this.#open
    if (this.#isClosing) refuse(stream, tally, ResetCode.CLOSED)
    else if (open.size >= this.#most) refuse(stream, tally)
    else {
      tally.begin()
      const measured = new MeasuredStream(stream, tally, (code) => {
        open.delete(measured)
        tally.end(code)
      })
      open.add(measured)
    }
  }

  async close({ drain = 0 }: CloseOptions = {}): Promise<void> {
    this.#isClosing = true
    await this.#open.drain(drain, ResetCode.CLOSED)
  }
}

/** One stream, from what it wants to its end. */
class MeasuredStream implements StreamEvents, Open {
  readonly #stream: SessionStream
  readonly #tally: Tally
  readonly #onEnd: (code: number | undefined) => void
  #mode = 0
  #heard = 0
  #isFull = false
  #isOver = false

  constructor(stream: SessionStream, tally: Tally, onEnd: (code: number | undefined) => void) {
    this.#stream = stream
    this.#tally = tally
    this.#onEnd = onEnd
    stream.events = this
    stream.accept()
  }

  abort(code: ResetCode): void {
    this.#stream.reset(code)
    this.onReset(code)
  }

  onReadable(): void {
    const stream = this.#stream
    while (!this.#isFull) {
      const bytes = stream.read()
      if (bytes === undefined) break
      this.#hear(bytes)
    }
    if (!stream.isEnded || this.#isOver) return
    if (this.#mode === BenchMode.SINK) this.#say(new TextEncoder().encode(`${this.#heard}`))
    stream.end()
  }

  onWritable(): void {
    this.#isFull = false
    if (this.#mode === BenchMode.SOURCE) this.#pour()
    else this.onReadable()
  }

  onStopped(): void {
    this.#stream.end()
    // Whoever stops a source wants nothing more of it.
    this.abort(ResetCode.CANCELLED)
  }

  onReset(code: number): void {
    this.#finish(code)
  }

  onClosed(): void {
    this.#finish(undefined)
  }

  #hear(bytes: Uint8Array): void {
    this.#tally.in.octets += bytes.length
    const payload = this.#mode === 0 ? bytes.subarray(1) : bytes
    if (this.#mode === 0) {
      this.#mode = bytes[0]!
      if (this.#mode === BenchMode.SOURCE) this.#pour()
    }
    this.#heard += payload.length
    if (this.#mode === BenchMode.ECHO && payload.length > 0) this.#say(payload)
    else if (this.#mode < BenchMode.SINK || this.#mode > BenchMode.ECHO) this.abort(ResetCode.PROTOCOL)
  }

  #pour(): void {
    while (!this.#isFull && !this.#isOver) this.#say(BLOCK)
  }

  #say(bytes: Uint8Array): void {
    this.#tally.out.octets += bytes.length
    this.#isFull = !this.#stream.write(bytes)
  }

  #finish(code: number | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    // That a source is told to stop is its end in good order.
    this.#onEnd(code === ResetCode.CANCELLED ? undefined : code)
  }
}
