import { type Seq, seq, seqAdd } from '../../base/seq.ts'

const MAX_FLOWS = 65536

/** The first sequence number of each direction of a flow; `first` belongs to the end with the smaller port. */
export interface SequenceBase {
  first: Seq
  second: Seq
}

/** Remembers where each TCP flow began, so that its numbers can be shown from there; bounded, the oldest goes. */
export class SequenceBases {
  readonly #flows = new Map<string, SequenceBase>()

  /** The base for the segment's flow; `fresh` when the segment itself began it. */
  learn(key: string, reversed: boolean, syn: boolean, from: Seq, ack: Seq): { base: SequenceBase; fresh: boolean } {
    const known = this.#flows.get(key)
    if (known !== undefined && !syn) return { base: known, fresh: false }
    const peer = seqAdd(ack, -1)
    const base = reversed ? { first: peer, second: from } : { first: from, second: peer }
    if (known === undefined && this.#flows.size >= MAX_FLOWS) {
      for (const oldest of this.#flows.keys()) {
        this.#flows.delete(oldest)
        break
      }
    }
    this.#flows.set(key, base)
    return { base, fresh: true }
  }

  get size(): number {
    return this.#flows.size
  }
}

export const NO_BASE: SequenceBase = { first: seq(0), second: seq(0) }
