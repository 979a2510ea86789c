import { OutFrame } from '../../src/link/link.ts'

export interface FrameShape {
  readonly medium?: 'ethernet' | 'ip'
  /** VLAN identifiers, outermost first. */
  readonly tags?: readonly number[]
  /** Bytes of IPv4 and TCP options, multiples of 4. */
  readonly ipOptions?: number
  readonly tcpOptions?: number
  readonly protocol?: 'tcp' | 'udp'
  readonly id?: number
  readonly seq?: number
  readonly flags?: number
  readonly payload?: Uint8Array
  /** Splits the payload here into two pieces, as a ring that wraps does. */
  readonly splitAt?: number
  readonly segmentSize?: number
  /** Leaves the pseudo-header's sum in the checksum field. Default true. */
  readonly partial?: boolean
}

/** The Internet checksum, byte pair by byte pair: slow, plain, and independent of the code under test. */
export function plainSum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let sum = start
  for (let i = from; i < to; i += 2) sum += bytes[i]! * 256 + (i + 1 < to ? bytes[i + 1]! : 0)
  while (sum > 0xffff) sum = (sum % 65536) + Math.floor(sum / 65536)
  return sum
}

/** Bytes that tell their own place. */
export const pattern = (length: number, from = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => ((i + from) * 131 + ((i + from) >> 8)) & 0xff)

/** A frame as a stack would hand it down, from 192.0.2.1:4000 to 192.0.2.2:80. */
export function makeFrame(shape: FrameShape = {}): OutFrame {
  const { medium = 'ethernet', tags = [], ipOptions = 0, tcpOptions = 0, payload = pattern(10) } = shape
  const below = medium === 'ethernet' ? 14 + 4 * tags.length : 0
  const udp = shape.protocol === 'udp'
  const ipLength = 20 + ipOptions
  const transportLength = udp ? 8 : 20 + tcpOptions
  const frame = new OutFrame()
  frame.start = 0
  frame.end = below + ipLength + transportLength
  const { view, bytes } = frame
  if (medium === 'ethernet') {
    bytes.set([2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a])
    tags.forEach((tag, i) => {
      view.setUint16(12 + 4 * i, 0x8100)
      view.setUint16(14 + 4 * i, tag)
    })
    view.setUint16(below - 2, 0x0800)
  }
  const ip = below
  view.setUint8(ip, 0x40 + ipLength / 4)
  view.setUint16(ip + 2, ipLength + transportLength + payload.length)
  view.setUint16(ip + 4, shape.id ?? 7)
  view.setUint16(ip + 6, 0x4000)
  view.setUint8(ip + 8, 64)
  view.setUint8(ip + 9, udp ? 17 : 6)
  view.setUint32(ip + 12, 0xc0000201)
  view.setUint32(ip + 16, 0xc0000202)
  for (let i = 0; i < ipOptions; i++) bytes[ip + 20 + i] = 1
  view.setUint16(ip + 10, ~plainSum(bytes, ip, ip + ipLength) & 0xffff)
  const at = ip + ipLength
  view.setUint16(at, 4000)
  view.setUint16(at + 2, 80)
  if (udp) {
    view.setUint16(at + 4, 8 + payload.length)
  } else {
    view.setUint32(at + 4, shape.seq ?? 1000)
    view.setUint32(at + 8, 2000)
    view.setUint8(at + 12, (transportLength / 4) << 4)
    view.setUint8(at + 13, shape.flags ?? 0x18)
    view.setUint16(at + 14, 512)
    for (let i = 0; i < tcpOptions; i++) bytes[at + 20 + i] = 1
  }
  const length = transportLength + payload.length
  const field = at + (udp ? 6 : 16)
  const pseudo = plainSum(bytes, ip + 12, ip + 20, (udp ? 17 : 6) + length)
  view.setUint16(field, pseudo)
  frame.checksumStart = at
  frame.checksumOffset = field - at
  frame.segmentSize = shape.segmentSize ?? 0
  const split = shape.splitAt ?? payload.length
  // The two pieces lie in buffers of their own, at odd and even places.
  frame.payload = Uint8Array.of(0, ...payload.subarray(0, split))
  frame.payloadFrom = 1
  frame.payloadTo = 1 + split
  frame.payload2 = Uint8Array.of(0, 0, ...payload.subarray(split), 0)
  frame.payload2From = 2
  frame.payload2To = 2 + payload.length - split
  if (shape.partial === false) {
    const whole = bytesOf(frame)
    view.setUint16(field, ~plainSum(whole, at, whole.length) & 0xffff || 0xffff)
    frame.checksumStart = -1
  }
  return frame
}

/** The whole frame in one piece. */
export function bytesOf(frame: OutFrame): Uint8Array {
  const bytes = new Uint8Array(frame.length)
  frame.copyTo(bytes, 0)
  return bytes
}

export interface Parsed {
  readonly id: number
  readonly seq: number
  readonly flags: number
  readonly payload: Uint8Array
  /** Both checksums are right. */
  readonly valid: boolean
}

/** Reads a TCP or UDP frame back, as plainly as it was made. */
export function parseFrame(bytes: Uint8Array, medium: 'ethernet' | 'ip' = 'ethernet'): Parsed {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let ip = 0
  if (medium === 'ethernet') {
    ip = 14
    while (view.getUint16(ip - 2) === 0x8100) ip += 4
  }
  const at = ip + (bytes[ip]! & 15) * 4
  const end = ip + view.getUint16(ip + 2)
  const protocol = bytes[ip + 9]!
  const pseudo = plainSum(bytes, ip + 12, ip + 20, protocol + end - at)
  const valid = plainSum(bytes, ip, at) === 0xffff && plainSum(bytes, at, end, pseudo) === 0xffff
  const udp = protocol === 17
  const payload = bytes.slice(at + (udp ? 8 : (bytes[at + 12]! >> 4) * 4), end)
  return {
    id: view.getUint16(ip + 4),
    seq: udp ? 0 : view.getUint32(at + 4),
    flags: udp ? 0 : bytes[at + 13]!,
    payload,
    valid,
  }
}
