import { addSum, checksum, finishSum, foldSum } from '../base/checksum.ts'
import { TcpFlag } from '../wire/tcp.ts'
import { FrameLayout } from './layout.ts'
import { ETHERNET_MAX, type InFrame, type Link, OutFrame } from './link.ts'

/**
 * Finishes the checksum a frame was handed down with; harmless when none is left to finish.
 *
 * A result of 0 is written as 0xffff: the same number in one's complement, and
 * what UDP needs, where 0 says that there is no checksum (RFC 768).
 */
export function finishChecksum(frame: OutFrame): void {
  if (frame.checksumStart < 0) return
  const from = frame.start + frame.checksumStart
  let sum = addSum(0, frame.bytes, from, frame.end)
  sum = addSum(sum, frame.payload, frame.payloadFrom, frame.payloadTo)
  const second = addSum(0, frame.payload2, frame.payload2From, frame.payload2To)
  // RFC 1071 §2.B: after an odd number of bytes the sum of the rest counts with its bytes swapped.
  const odd = (frame.payloadTo - frame.payloadFrom) & 1
  sum += odd === 1 ? swapped(foldSum(second)) : second
  frame.view.setUint16(from + frame.checksumOffset, finishSum(sum) || 0xffff)
  frame.checksumStart = -1
}

const swapped = (word: number): number => ((word & 0xff) << 8) | (word >>> 8)

/** Super-segments that were cut, by anybody. */
let runs = 0

/** How many segments a frame stands for: 1 unless it is a super-segment. */
export function segmentCount(frame: OutFrame): number {
  const payload = frame.payloadLength
  return frame.segmentSize > 0 && payload > frame.segmentSize ? Math.ceil(payload / frame.segmentSize) : 1
}

/** The sum of the pseudo-header of a TCP or UDP segment of `length` bytes: what a partial checksum field holds. */
function pseudoSumOf(bytes: Uint8Array, layout: FrameLayout, length: number): number {
  const isV4 = layout.version === 4
  const addresses = layout.ip + (isV4 ? 12 : 8)
  return foldSum(addSum(layout.protocol + length, bytes, addresses, addresses + (isV4 ? 8 : 32)))
}

/**
 * Cuts TCP super-segments as a network card does (TCP segmentation offload).
 *
 * Each piece has the headers of the whole with its own lengths, IPv4's identification
 * and the sequence number counted on, FIN and PSH only on the last (they mean
 * "after all of this"), CWR only on the first (RFC 3168 §6.1.2: once per window).
 * The payload is never copied: a piece points into that of the whole.
 */
export class Segmenter {
  readonly #layout = new FrameLayout()
  readonly #piece = new OutFrame()
  #whole: OutFrame = this.#piece
  #count = 0

  /** Takes a super-segment; the number of pieces it makes, 0 when it is not TCP and so cannot be cut. */
  begin(frame: OutFrame, medium: Link['medium']): number {
    const layout = this.#layout
    const known = layout.locate(medium, frame.bytes, frame.start, frame.end, frame.length)
    this.#whole = frame
    this.#count = known && layout.isTcp && layout.payload === frame.end ? segmentCount(frame) : 0
    this.#piece.run = ++runs
    return this.#count
  }

  /**
   * The piece `index` of those `begin` counted, its checksum partial. It is good
   * until the next call; the same piece may be asked for again.
   */
  piece(index: number): OutFrame {
    const whole = this.#whole
    const piece = this.#piece
    const size = whole.segmentSize > 0 ? whole.segmentSize : whole.payloadLength
    piece.start = whole.start
    piece.end = whole.end
    for (let i = whole.start; i < whole.end; i++) piece.bytes[i] = whole.bytes[i]!
    this.#slice(index * size, Math.min((index + 1) * size, whole.payloadLength))
    this.#writeHeaders(index, size)
    piece.segmentSize = 0
    piece.checksumStart = this.#layout.transport - piece.start
    piece.checksumOffset = this.#layout.checksumAt - this.#layout.transport
    return piece
  }

  #slice(from: number, to: number): void {
    const whole = this.#whole
    const piece = this.#piece
    const first = whole.payloadTo - whole.payloadFrom
    const inSecond = from >= first
    piece.payload = inSecond ? whole.payload2 : whole.payload
    piece.payloadFrom = inSecond ? whole.payload2From + from - first : whole.payloadFrom + from
    piece.payloadTo = inSecond ? whole.payload2From + to - first : whole.payloadFrom + Math.min(to, first)
    piece.payload2 = whole.payload2
    piece.payload2From = whole.payload2From
    piece.payload2To = whole.payload2From + (inSecond ? 0 : Math.max(0, to - first))
    piece.runTo = inSecond ? whole.payload2To : whole.payloadTo
  }

  #writeHeaders(index: number, size: number): void {
    const { version, ip, transport } = this.#layout
    const { bytes, view } = this.#piece
    const length = this.#piece.end - transport + this.#piece.payloadLength
    if (version === 6) view.setUint16(ip + 4, length)
    else {
      view.setUint16(ip + 2, transport - ip + length)
      view.setUint16(ip + 4, (view.getUint16(ip + 4) + index) & 0xffff)
      view.setUint16(ip + 10, 0)
      view.setUint16(ip + 10, checksum(bytes, ip, transport))
    }
    view.setUint32(transport + 4, (view.getUint32(transport + 4) + index * size) >>> 0)
    let flags = bytes[transport + 13]!
    if (index < this.#count - 1) flags &= ~(TcpFlag.FIN | TcpFlag.PSH)
    if (index > 0) flags &= ~TcpFlag.CWR
    bytes[transport + 13] = flags
    view.setUint16(this.#layout.checksumAt, pseudoSumOf(bytes, this.#layout, length))
  }
}

/**
 * Describes a frame that has arrived as one to be sent, so that it can be cut
 * and its checksum finished: the headers are copied, with room for a link's before them, the payload stays in its slab.
 * A super-segment, and a frame whose checksum is partial, gets a partial checksum;
 * of these Ethernet's padding is left out.
 */
export function describeArrival(frame: InFrame, medium: Link['medium'], layout: FrameLayout, target: OutFrame): void {
  const { bytes, start, end } = frame
  const known = layout.locate(medium, bytes, start, end, end - start)
  const headers = Math.min(known ? layout.payload - start : end - start, target.bytes.length - ETHERNET_MAX)
  target.reset()
  target.start = ETHERNET_MAX
  target.end = ETHERNET_MAX + headers
  for (let i = 0; i < headers; i++) target.bytes[ETHERNET_MAX + i] = bytes[start + i]!
  target.payload = bytes
  target.payloadFrom = start + headers
  target.payloadTo = end
  target.segmentSize = frame.segmentSize
  if (!known || layout.checksumAt < 0 || (frame.checksum !== 'partial' && frame.segmentSize === 0)) return
  target.payloadTo = layout.end
  target.checksumStart = layout.transport - start
  target.checksumOffset = layout.checksumAt - layout.transport
  const sum = pseudoSumOf(bytes, layout, layout.end - layout.transport)
  target.view.setUint16(target.start + layout.checksumAt - start, sum)
}
