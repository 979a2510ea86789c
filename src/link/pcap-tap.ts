import type { Micros } from '../base/types.ts'
import { PCAP } from '../wire/pcap.ts'
import { CaptureEncoder } from '../wire/pcap-encoder.ts'
import type { CaptureFormat } from '../wire/pcap-format.ts'
import { LinkType } from '../wire/pcap-record.ts'
import type { Link } from './link.ts'
import { Tracer } from './tracer.ts'

export interface PcapTapOptions {
  /** Gets the bytes of the capture file, in order: its header at once, records at each flush. They are yours to keep. */
  readonly write: (chunk: Uint8Array) => void
  /** The wall time when the stack's clock was 0, in microseconds since 1970. Default 0. */
  readonly epoch?: number
  /** Default PCAP. */
  readonly format?: CaptureFormat
}

/** Writes every frame that passes, in either direction, to a capture file, as tcpdump would on this link. */
export class PcapTap extends Tracer {
  readonly #encoder: CaptureEncoder

  constructor(inner: Link, options: PcapTapOptions) {
    const { epoch = 0, format = PCAP } = options
    const encoder = new CaptureEncoder(
      format,
      inner.medium === 'ethernet' ? LinkType.ETHERNET : LinkType.RAW,
      options.write,
    )
    super(inner, (_direction, bytes, start, end, now) => {
      const wall = Math.floor(epoch + now)
      encoder.add(Math.floor(wall / 1e6), (wall % 1e6) * 1000, bytes, start, end)
    })
    this.#encoder = encoder
  }

  override flush(now: Micros): void {
    this.inner.flush(now)
    this.#encoder.flush()
  }

  override close(): void {
    this.#encoder.flush()
    this.inner.close()
  }
}
