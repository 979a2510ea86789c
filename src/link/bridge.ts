import type { Micros, Pollable } from '../base/types.ts'
import { FrameLayout } from './layout.ts'
import { type InFrame, type Link, OutFrame } from './link.ts'
import { describeArrival } from './segment.ts'

/** The payload of a larger frame may still be read after `send`, from memory that the next batch is received into. */
const COPIED_AT_ONCE = 2048

/**
 * Carries frames between two links: what comes in on one leaves on the other, with the checksum as unfinished and the
 * super-segment as whole as it came. It has no addresses and learns none.
 */
export class Bridge implements Pollable {
  readonly a: Link
  readonly b: Link
  /** Frames that the other link would not take: larger than its MTU, or more than its queue holds. */
  refused = 0
  readonly #layout = new FrameLayout()
  readonly #frame = new OutFrame()
  #now = 0 as Micros

  constructor(a: Link, b: Link) {
    this.a = a
    this.b = b
  }

  poll(now: Micros): void {
    this.#now = now
    this.a.receive(now, this.#toB)
    this.b.receive(now, this.#toA)
    this.a.flush(now)
    this.b.flush(now)
  }

  pollAt(): Micros {
    return Math.min(this.a.pollAt(), this.b.pollAt()) as Micros
  }

  close(): void {
    this.a.close()
    this.b.close()
  }

  readonly #toA = (frame: InFrame): void => this.#pass(frame, this.a)
  readonly #toB = (frame: InFrame): void => this.#pass(frame, this.b)

  #pass(frame: InFrame, to: Link): void {
    const out = this.#frame
    describeArrival(frame, to.medium, this.#layout, out)
    if (!to.send(out, this.#now)) this.refused++
    else if (out.length > COPIED_AT_ONCE) to.flush(this.#now)
  }
}
