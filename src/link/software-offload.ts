import type { Micros } from '../base/types.ts'
import { FULL_OFFLOAD, type Link, type Offload, type OutFrame } from './link.ts'
import { finishChecksum, Segmenter, segmentCount } from './segment.ts'
import { LinkWrapper } from './wrapper.ts'

/**
 * Gives a link the offloads it lacks, in software. This is the one place below
 * TCP where super-segments are cut and checksums finished on the way down.
 */
export class SoftwareOffload extends LinkWrapper {
  readonly #segmenter = new Segmenter()
  readonly #sums: boolean
  readonly #cuts: boolean

  constructor(inner: Link) {
    super(inner)
    this.#sums = !inner.offload.checksum
    // Whoever cuts must finish the checksums of the pieces, so a link that cannot finish them cannot cut.
    this.#cuts = this.#sums || !inner.offload.segmentation
  }

  override get offload(): Offload {
    return FULL_OFFLOAD
  }

  /** False where the inner link is full: of a super-segment the pieces before that have gone. */
  override send(frame: OutFrame, now: Micros): boolean {
    if (!this.#cuts || segmentCount(frame) === 1) {
      if (this.#cuts) frame.segmentSize = 0
      return this.#pass(frame, now)
    }
    const count = this.#segmenter.begin(frame, this.medium)
    for (let i = 0; i < count; i++) {
      if (!this.#pass(this.#segmenter.piece(i), now)) return false
    }
    return count > 0
  }

  #pass(frame: OutFrame, now: Micros): boolean {
    if (this.#sums) finishChecksum(frame)
    return this.inner.send(frame, now)
  }
}
