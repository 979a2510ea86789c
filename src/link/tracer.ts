import { checksum } from '../base/checksum.ts'
import type { Micros } from '../base/types.ts'
import { FrameLayout } from './layout.ts'
import { type InFrame, type Link, MAX_FRAME, OutFrame } from './link.ts'
import { describeArrival } from './segment.ts'
import { LinkWrapper } from './wrapper.ts'

/** Sees the frame `bytes[start, end)`, good within the call. `in` has arrived, `out` was taken by the link. */
export type FrameListener = (
  direction: 'in' | 'out',
  bytes: Uint8Array,
  start: number,
  end: number,
  now: Micros,
) => void

/**
 * Shows every frame that passes to a listener, and costs nothing without one.
 *
 * Frames are shown as this link carries them, super-segments in one piece, but
 * with their checksums finished: nobody wants to be told that they are wrong.
 */
export class Tracer extends LinkWrapper {
  onFrame: FrameListener | undefined
  /** A frame in one piece; made when it is first needed. */
  #image: Uint8Array | undefined
  readonly #layout = new FrameLayout()
  readonly #finished = new OutFrame()
  #receiver: (frame: InFrame) => void = () => {}
  #now: Micros = 0 as Micros

  constructor(inner: Link, onFrame?: FrameListener) {
    super(inner)
    this.onFrame = onFrame
  }

  override send(frame: OutFrame, now: Micros): boolean {
    if (!this.inner.send(frame, now)) return false
    if (this.onFrame !== undefined) this.#show('out', frame, now)
    return true
  }

  override receive(now: Micros, onFrame: (frame: InFrame) => void): void {
    if (this.onFrame === undefined) {
      this.inner.receive(now, onFrame)
      return
    }
    this.#receiver = onFrame
    this.#now = now
    this.inner.receive(now, this.#onInner)
  }

  readonly #onInner = (frame: InFrame): void => {
    if (frame.checksum === 'partial') {
      describeArrival(frame, this.medium, this.#layout, this.#finished)
      this.#show('in', this.#finished, this.#now)
    } else this.onFrame?.('in', frame.bytes, frame.start, frame.end, this.#now)
    this.#receiver(frame)
  }

  #show(direction: 'in' | 'out', frame: OutFrame, now: Micros): void {
    this.#image ??= new Uint8Array(MAX_FRAME)
    if (frame.length > this.#image.length) return
    const end = frame.copyTo(this.#image, 0)
    finishCopy(frame, this.#image, end)
    this.onFrame?.(direction, this.#image, 0, end, now)
  }
}

/** Finishes in a copy of `frame`, which ends at `end`, the checksum that the frame itself leaves open. */
function finishCopy(frame: OutFrame, copy: Uint8Array, end: number): void {
  if (frame.checksumStart < 0) return
  const at = frame.checksumStart + frame.checksumOffset
  const sum = checksum(copy, frame.checksumStart, end) || 0xffff
  copy[at] = sum >> 8
  copy[at + 1] = sum & 0xff
}
