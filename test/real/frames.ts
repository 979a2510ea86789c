import { type Ipv4Addr, type MacAddr, parseIpv4 } from '../../src/base/address.ts'
import { checksum, finishSum, foldSum, pseudoSum } from '../../src/base/checksum.ts'
import { HEADROOM, OutFrame } from '../../src/link/link.ts'

/** Frames for driver tests, built by hand so that nothing above the link is under test with it. */

const UDP = 17
const TCP = 6
const ETHERNET = 14
const IPV4 = 20

export const ip = (text: string): Ipv4Addr => parseIpv4(text)!

export interface Ends {
  readonly srcMac: MacAddr
  readonly dstMac: MacAddr
  readonly src: Ipv4Addr
  readonly dst: Ipv4Addr
}

export interface Payload {
  readonly bytes: Uint8Array
  /** Hands the payload over in two pieces, cut here. */
  readonly cutAt?: number
  /** Asks the link to cut the frame. */
  readonly segmentSize?: number
}

function writeMac(frame: OutFrame, at: number, mac: MacAddr): void {
  frame.view.setUint16(at, Math.floor(mac / 0x100000000))
  frame.view.setUint32(at + 2, mac % 0x100000000)
}

/** Writes Ethernet (unless `bare`) and IPv4 before the transport header that begins at HEADROOM. */
function finish(
  frame: OutFrame,
  ends: Ends,
  protocol: number,
  transport: number,
  payload: Payload,
  bare: boolean,
): OutFrame {
  const { view } = frame
  const total = IPV4 + transport + payload.bytes.length
  const at = HEADROOM - IPV4
  view.setUint16(at, 0x4500)
  view.setUint16(at + 2, total)
  view.setUint32(at + 4, 0x1234_4000)
  view.setUint16(at + 8, (64 << 8) | protocol)
  view.setUint16(at + 10, 0)
  view.setUint32(at + 12, ends.src)
  view.setUint32(at + 16, ends.dst)
  view.setUint16(at + 10, checksum(frame.bytes, at, at + IPV4))
  frame.start = bare ? at : at - ETHERNET
  if (!bare) {
    writeMac(frame, at - 14, ends.dstMac)
    writeMac(frame, at - 8, ends.srcMac)
    view.setUint16(at - 2, 0x0800)
  }
  frame.end = HEADROOM + transport
  const cut = payload.cutAt ?? payload.bytes.length
  frame.payload = payload.bytes
  frame.payloadTo = cut
  frame.payload2 = payload.bytes
  frame.payload2From = cut
  frame.payload2To = payload.bytes.length
  frame.segmentSize = payload.segmentSize ?? 0
  frame.checksumStart = HEADROOM - frame.start
  return frame
}

/** A UDP datagram with its checksum left to the link; `complete` finishes it here. */
export function udpFrame(
  ends: Ends,
  ports: readonly [number, number],
  payload: Payload,
  options: { readonly bare?: boolean; readonly complete?: boolean } = {},
): OutFrame {
  const frame = new OutFrame()
  const length = 8 + payload.bytes.length
  frame.view.setUint16(HEADROOM, ports[0])
  frame.view.setUint16(HEADROOM + 2, ports[1])
  frame.view.setUint16(HEADROOM + 4, length)
  frame.view.setUint16(HEADROOM + 6, foldSum(pseudoSum(ends.src, ends.dst, UDP, length)))
  finish(frame, ends, UDP, 8, payload, options.bare ?? false)
  frame.checksumOffset = 6
  if (options.complete === true) {
    const whole = new Uint8Array(frame.length)
    frame.copyTo(whole, 0)
    frame.view.setUint16(HEADROOM + 6, checksum(whole, frame.checksumStart, whole.length))
    frame.checksumStart = -1
  }
  return frame
}

/** A TCP segment with data, ACK and PSH, its checksum left to the link. */
export function tcpFrame(ends: Ends, ports: readonly [number, number], payload: Payload): OutFrame {
  const frame = new OutFrame()
  frame.view.setUint16(HEADROOM, ports[0])
  frame.view.setUint16(HEADROOM + 2, ports[1])
  frame.view.setUint32(HEADROOM + 4, 1000)
  frame.view.setUint32(HEADROOM + 8, 2000)
  frame.view.setUint16(HEADROOM + 12, 0x5018)
  frame.view.setUint16(HEADROOM + 14, 65535)
  frame.view.setUint16(HEADROOM + 16, foldSum(pseudoSum(ends.src, ends.dst, TCP, 20 + payload.bytes.length)))
  finish(frame, ends, TCP, 20, payload, false)
  frame.checksumOffset = 16
  return frame
}

/** An ICMP echo request as a bare IP packet. */
export function echoPacket(src: Ipv4Addr, dst: Ipv4Addr): OutFrame {
  const frame = new OutFrame()
  frame.view.setUint32(HEADROOM, 0x0800_0000)
  frame.view.setUint32(HEADROOM + 4, 0x0001_0001)
  frame.view.setUint16(HEADROOM + 2, finishSum(0x0800 + 1 + 1))
  const ends = { src, dst, srcMac: 0 as MacAddr, dstMac: 0 as MacAddr }
  finish(frame, ends, 1, 8, { bytes: new Uint8Array(0) }, true)
  frame.checksumStart = -1
  return frame
}

/** Bytes whose place can be told: a counter of 32 bits. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = ((i >> 2) >> (8 * (i & 3))) & 0xff
  return bytes
}
