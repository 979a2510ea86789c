import { rangeError } from '../../base/argument-errors.ts'
import { ReceiveWindow } from '../credit/receive-window.ts'
import { WindowPool } from '../credit/window-pool.ts'
import { MAX_REFUSED, MAX_SERVICE, MAX_TEXT, MAX_WRITE_AHEAD, STREAM_WINDOW, WRITE_BUDGET } from '../limits.ts'
import { FLOW_BIT, ID_STEP } from '../records/frame.ts'
import { Flow, type FlowOwner } from './flow.ts'
import { IdSpace } from './id-space.ts'
import { Stream, type StreamOwner } from './stream.ts'
import type { Opening } from './stream-types.ts'

const UNKNOWN: Opening = { service: '', target: '', source: '' }
const encoder = new TextEncoder()

export interface TableLimits {
  readonly isServer: boolean
  readonly streamWindow: number
  readonly maxStreams: number
}

/** Why the other side may not begin a stream of that number. */
export type IdFault = 'stream-number-wrong' | 'too-many-streams'

export const isFlowId = (id: number): boolean => id % ID_STEP >= FLOW_BIT

/** The streams and flows of a session by their numbers, and whether a number may be what it claims to be. */
export class StreamTable {
  readonly streams = new Map<number, Stream>()
  readonly flows = new Map<number, Flow>()
  readonly #pool = new WindowPool()
  readonly #owner: StreamOwner & FlowOwner
  readonly #limits: TableLimits
  readonly #ids: IdSpace
  /** Of those above, what the other side opened, and what of it was let in. */
  #theirs = 0
  #admitted = 0

  constructor(owner: StreamOwner & FlowOwner, limits: TableLimits) {
    this.#owner = owner
    this.#limits = limits
    this.#ids = new IdSpace(limits.isServer)
  }

  get isEmpty(): boolean {
    return this.streams.size === 0 && this.flows.size === 0
  }

  /** Octets that the user of one stream may write ahead of what is sent. */
  get writeAhead(): number {
    return Math.min(MAX_WRITE_AHEAD, WRITE_BUDGET / this.streams.size)
  }

  /** All are gone. */
  clear(): void {
    for (const stream of this.streams.values()) this.forgetStream(stream)
    for (const flow of this.flows.values()) this.forgetFlow(flow)
  }

  /** A stream of ours. @throws {RangeError} for texts that are too long. */
  openStream(opening: Opening): Stream {
    checkOpening(opening)
    return this.#addStream(this.#ids.allocate(false), true, opening)
  }

  /** A flow of ours. @throws {RangeError} for texts that are too long. */
  openFlow(opening: Opening): Flow {
    checkOpening(opening)
    return this.#addFlow(this.#ids.allocate(true), true, opening)
  }

  /** The stream of that number, which begins now if the other side may begin it; undefined when it is gone. */
  stream(id: number): Stream | undefined | IdFault {
    const found = this.streams.get(id)
    if (found !== undefined) return found
    const kind = this.#begin(id)
    return kind === 'new' ? this.#addStream(id, false, UNKNOWN) : kind
  }

  /** The same for a flow. */
  flow(id: number): Flow | undefined | IdFault {
    const found = this.flows.get(id)
    if (found !== undefined) return found
    const kind = this.#begin(id)
    return kind === 'new' ? this.#addFlow(id, false, UNKNOWN) : kind
  }

  forgetStream(stream: Stream): void {
    if (!this.streams.delete(stream.id)) return
    stream.window.release()
    this.#forget(stream)
  }

  forgetFlow(flow: Flow): void {
    if (this.flows.delete(flow.id)) this.#forget(flow)
  }

  /** Lets in what the other side opened; false when it has as many open as it may. */
  admit(one: Stream | Flow): boolean {
    if (this.#admitted >= this.#limits.maxStreams) return false
    one.isAdmitted = true
    this.#admitted++
    return true
  }

  #forget({ isOurs, isAdmitted }: Stream | Flow): void {
    if (!isOurs) this.#theirs--
    if (isAdmitted) this.#admitted--
  }

  #begin(id: number): 'new' | IdFault | undefined {
    const kind = this.#ids.classify(id)
    // One of ours that is not there is gone.
    if (kind === 'known' || kind === 'ours') return undefined
    if (kind === 'wrong') return 'stream-number-wrong'
    if (this.#theirs >= this.#limits.maxStreams + MAX_REFUSED) return 'too-many-streams'
    this.#ids.see(id)
    this.#theirs++
    return 'new'
  }

  #addStream(id: number, isOurs: boolean, opening: Opening): Stream {
    const { streamWindow: most } = this.#limits
    const window = new ReceiveWindow({ size: STREAM_WINDOW, most, lease: this.#pool.lease(), now: this.#owner.now })
    const stream = new Stream(this.#owner, { id, isOurs, opening, window, credit: STREAM_WINDOW })
    this.streams.set(id, stream)
    return stream
  }

  #addFlow(id: number, isOurs: boolean, opening: Opening): Flow {
    const flow = new Flow(this.#owner, { id, isOurs, opening })
    this.flows.set(id, flow)
    return flow
  }
}

/** The texts of an opening as they travel. */
export const encodeOpening = ({ service, target, source }: Opening): Uint8Array[] =>
  [service, target, source].map((text) => encoder.encode(text))

function checkOpening(opening: Opening): void {
  const [service, target, source] = encodeOpening(opening) as [Uint8Array, Uint8Array, Uint8Array]
  if (service.length === 0 || service.length > MAX_SERVICE) {
    throw rangeError(`A service's name has 1 to ${MAX_SERVICE} octets, "${opening.service}" has ${service.length}`)
  }
  const longest = Math.max(target.length, source.length)
  if (longest > MAX_TEXT) throw rangeError(`Target and source have at most ${MAX_TEXT} octets, not ${longest}`)
}
