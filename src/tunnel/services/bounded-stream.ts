import type { SessionStream, StreamEvents } from '../../session/streams/stream-types.ts'

/** A stream that takes only so many octets more; what is written behind them is thrown away. */
export class BoundedStream implements SessionStream {
  readonly #stream: SessionStream
  #left: number

  constructor(stream: SessionStream, octets: number) {
    this.#stream = stream
    this.#left = octets
  }

  get id(): number {
    return this.#stream.id
  }

  get service(): string {
    return this.#stream.service
  }

  get target(): string {
    return this.#stream.target
  }

  get source(): string {
    return this.#stream.source
  }

  get events(): StreamEvents {
    return this.#stream.events
  }

  set events(events: StreamEvents) {
    this.#stream.events = events
  }

  get room(): number {
    return this.#stream.room
  }

  get isEnded(): boolean {
    return this.#stream.isEnded
  }

  write(bytes: Uint8Array): boolean {
    const taken = Math.min(this.#left, bytes.length)
    this.#left -= taken
    return taken === 0 || this.#stream.write(taken === bytes.length ? bytes : bytes.subarray(0, taken))
  }

  read(): Uint8Array | undefined {
    return this.#stream.read()
  }

  accept(): void {
    this.#stream.accept()
  }

  end(): void {
    this.#stream.end()
  }

  stop(code: number): void {
    this.#stream.stop(code)
  }

  reset(code: number): void {
    this.#stream.reset(code)
  }
}
