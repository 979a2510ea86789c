import type { StreamEvents } from './stream-types.ts'

/** What the user of a stream is to be told: each once, in a fixed order, when it is his turn. */
export class Tellings {
  #isAccepted = false
  #isReadable = false
  #stopped: number | undefined = undefined
  #reset: number | undefined = undefined

  accepted(): void {
    this.#isAccepted = true
  }

  /** He has reset it himself. */
  forgetAccepted(): void {
    this.#isAccepted = false
  }

  readable(): void {
    this.#isReadable = true
  }

  stopped(code: number): void {
    this.#stopped = code
  }

  reset(code: number): void {
    this.#reset = code
  }

  /** Tells all of it. What the user does meanwhile may end the stream: then only its reset is still of interest. */
  tell(events: StreamEvents, stream: { readonly isOver: boolean }): void {
    if (this.#isAccepted) {
      this.#isAccepted = false
      events.onAccepted?.()
    }
    if (this.#isReadable) {
      this.#isReadable = false
      if (!stream.isOver) events.onReadable?.()
    }
    const stopped = this.#stopped
    if (stopped !== undefined) {
      this.#stopped = undefined
      if (!stream.isOver) events.onStopped?.(stopped)
    }
    const reset = this.#reset
    if (reset !== undefined) {
      this.#reset = undefined
      events.onReset?.(reset)
    }
  }
}
