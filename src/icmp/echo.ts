import { IPV4_ANY, type Ipv4Addr } from '../base/address.ts'
import { below, type Rng } from '../base/rng.ts'
import type { Micros } from '../base/types.ts'
import type { IcmpError } from '../ip/transport.ts'

const IDS = 0x10000

/** An echo reply. Reused: copy what is kept; the bytes are good only during the call. */
export class EchoReply {
  from: Ipv4Addr = IPV4_ANY
  /** Where the request had been sent from. */
  to: Ipv4Addr = IPV4_ANY
  id = 0
  seq = 0
  ttl = 0
  /** The data is `bytes[at, end)`. */
  bytes: Uint8Array = new Uint8Array(0)
  at = 0
  end = 0
  /** When it came off the wire, where the link knows; else -1. */
  arrivedAt = -1
  /** The checksum was wrong: shown to people, believed by nobody. */
  isCorrupt = false
}

/** Who waits for replies under one identifier. */
export interface EchoListener {
  onReply(reply: EchoReply, now: Micros): void
  /** `error.dstPort` is the sequence number of the request. */
  onError(error: IcmpError, now: Micros): void
}

/** The identifiers in use by our own echo requests. */
export class EchoTable {
  readonly #listeners = new Map<number, EchoListener>()
  readonly #rng: Rng

  constructor(rng: Rng) {
    this.#rng = rng
  }

  /** Takes a free identifier; undefined when all 65,536 are in use. */
  open(listener: EchoListener): number | undefined {
    if (this.#listeners.size >= IDS) return undefined
    let id = below(this.#rng, IDS)
    while (this.#listeners.has(id)) id = (id + 1) % IDS
    this.#listeners.set(id, listener)
    return id
  }

  close(id: number): void {
    this.#listeners.delete(id)
  }

  find(id: number): EchoListener | undefined {
    return this.#listeners.get(id)
  }
}
