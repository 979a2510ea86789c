import { ResetCode, type SessionFlow } from '../../session/streams/stream-types.ts'
import { type Aged, AgingList } from './aging.ts'
import { passes, type RateLimits } from './rate-limit.ts'
import type { Tally } from './tally.ts'

export interface FlowLimits {
  /** Milliseconds after which a flow that carries nothing is closed. Default 60,000. */
  readonly idle?: number
  /** Flows at once. Default 1,024. */
  readonly maxFlows?: number
}

export const DEFAULT_IDLE = 60_000
const DEFAULT_MAX_FLOWS = 1024

/** One flow that we opened, and for whom. */
export class OwnFlow implements Aged {
  readonly key: string
  readonly flow: SessionFlow
  usedAt = 0
  older: Aged | undefined = undefined
  newer: Aged | undefined = undefined

  constructor(key: string, flow: SessionFlow) {
    this.key = key
    this.flow = flow
  }
}

/** Flows that we opened, by what they are for: the one that was not used for longest gives way to a new one. */
export class FlowTable {
  readonly #tally: Tally
  readonly #limits: RateLimits | undefined
  readonly #most: number
  readonly #flows = new Map<string, OwnFlow>()
  readonly #ages: AgingList<OwnFlow>

  constructor(tally: Tally, limits: RateLimits | undefined, options: FlowLimits) {
    const { idle = DEFAULT_IDLE, maxFlows = DEFAULT_MAX_FLOWS } = options
    this.#tally = tally
    this.#limits = limits
    this.#most = maxFlows
    this.#ages = new AgingList(idle, (own) => this.#close(own, undefined))
  }

  get size(): number {
    return this.#flows.size
  }

  find(key: string): OwnFlow | undefined {
    return this.#flows.get(key)
  }

  /** @param deliver takes what the other side sends */
  add(key: string, flow: SessionFlow, deliver: (bytes: Uint8Array) => void): OwnFlow {
    const tally = this.#tally
    if (this.#flows.size >= this.#most) this.#close(this.#ages.oldest!, ResetCode.LIMIT)
    const own = new OwnFlow(key, flow)
    this.#flows.set(key, own)
    this.#ages.add(own)
    tally.begin()
    flow.events = {
      onDatagram: (bytes, age) => {
        if (this.#flows.get(key) !== own) return
        this.#ages.touch(own)
        tally.ages.note(age)
        if (!passes(this.#limits?.out, bytes.length, tally.dropped)) return
        tally.out.octets += bytes.length
        deliver(bytes)
      },
      // A flow has no end but this one; only what made it come early is an error.
      onClosed: (code) => this.#forget(own, code === ResetCode.CANCELLED ? undefined : code),
    }
    return own
  }

  /** Sends on a flow; what is too long, or more than the rate allows, is dropped. */
  send(own: OwnFlow, bytes: Uint8Array): void {
    this.#ages.touch(own)
    if (!passes(this.#limits?.in, bytes.length, this.#tally.dropped)) return
    this.#tally.in.octets += bytes.length
    if (!own.flow.send(bytes)) this.#tally.dropped.count('too-long')
  }

  closeAll(): void {
    for (const own of [...this.#flows.values()]) this.#close(own, undefined)
  }

  #close(own: OwnFlow, code: ResetCode | undefined): void {
    this.#forget(own, code)
    own.flow.close(code ?? ResetCode.CANCELLED)
  }

  #forget(own: OwnFlow, code: number | undefined): void {
    if (this.#flows.get(own.key) !== own) return
    this.#flows.delete(own.key)
    this.#ages.remove(own)
    this.#tally.end(code)
  }
}
