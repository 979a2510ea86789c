import type { Ipv4Addr } from '../base/address.ts'
import type { RingReader, RingWriter } from './shared-ring.ts'

/** Of a datagram: its length, an address, a port, and where it was sent to. */
const HEAD_LEN = 16
/** The largest payload of UDP over IPv4. */
export const MAX_DATAGRAM = 65_507
/** A ring must hold a datagram in the half of it that a waiting writer is told of. */
export const LEAST_RING = 2 * 65_536
/** The port of a datagram that goes where the socket is connected to. */
export const CONNECTED = 0

/** A datagram on its way through a ring. */
export interface UdpRecord {
  readonly data: Uint8Array
  readonly address: Ipv4Addr
  readonly port: number
  readonly destination: Ipv4Addr
}

/** The writer of datagrams to a ring. */
export class RecordWriter {
  readonly #ring: RingWriter
  readonly #head = new Uint32Array(HEAD_LEN / 4)
  readonly #headBytes = new Uint8Array(this.#head.buffer)

  constructor(ring: RingWriter) {
    this.#ring = ring
  }

  /** Puts a datagram into the ring; false when there is no room for it now. */
  write({ data, address, port, destination }: UdpRecord): boolean {
    const ring = this.#ring
    if (ring.reserve() < HEAD_LEN + data.length) return false
    this.#head.set([data.length, address, port, destination])
    ring.put(0, this.#headBytes, 0, HEAD_LEN)
    ring.put(HEAD_LEN, data, 0, data.length)
    ring.commit(HEAD_LEN + data.length)
    return true
  }
}

/** The reader. */
export class RecordReader {
  readonly #ring: RingReader
  readonly #head = new Uint32Array(HEAD_LEN / 4)
  readonly #headBytes = new Uint8Array(this.#head.buffer)

  constructor(ring: RingReader) {
    this.#ring = ring
  }

  /** Takes the next datagram; its bytes are the caller's own. */
  read(): UdpRecord | undefined {
    const ring = this.#ring
    if (ring.length === 0) return undefined
    ring.copy(0, this.#headBytes, 0, HEAD_LEN)
    const [length, address, port, destination] = this.#head as unknown as [number, Ipv4Addr, number, Ipv4Addr]
    const data = new Uint8Array(length)
    ring.copy(HEAD_LEN, data, 0, length)
    ring.consume(HEAD_LEN + length)
    return { data, address, port, destination }
  }
}
