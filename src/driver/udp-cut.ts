import { checksum } from '../base/checksum.ts'
import type { InFrame } from '../link/link.ts'

const ETHERTYPE_VLAN = 0x8100
const UDP_HEADER = 8

/**
 * Hands up each datagram of a UDP super-segment: unlike TCP's, its borders matter to the receiver.
 *
 * The cut is made in place. The headers are written anew just before each piece of payload, over the end of the
 * piece before it, which has been handed up by then. What is not IPv4 goes up whole.
 */
export function cutUdp(
  frame: InFrame,
  medium: 'ethernet' | 'ip',
  segmentSize: number,
  onFrame: (frame: InFrame) => void,
): void {
  const { bytes, view, start, end } = frame
  let ip = start
  if (medium === 'ethernet') ip += start + 14 <= end && view.getUint16(start + 12) === ETHERTYPE_VLAN ? 18 : 14
  const ipHeader = ip + 20 <= end ? (bytes[ip]! & 15) * 4 : 0
  const headers = ip - start + ipHeader + UDP_HEADER
  if (ipHeader < 20 || start + headers > end || segmentSize === 0 || bytes[ip]! >>> 4 !== 4) {
    onFrame(frame)
    return
  }
  const id = view.getUint16(ip + 4)
  // The sum of each datagram was not kept by whoever joined them.
  frame.checksum = 'partial'
  let index = 0
  for (let payload = start + headers; payload < end; payload += segmentSize) {
    const to = Math.min(end, payload + segmentSize)
    const from = payload - headers
    const at = from + (ip - start)
    if (index > 0) bytes.copyWithin(from, from - segmentSize, from - segmentSize + headers)
    view.setUint16(at + 2, to - at)
    view.setUint16(at + 4, (id + index) & 0xffff)
    view.setUint16(at + 10, 0)
    view.setUint16(at + 10, checksum(bytes, at, at + ipHeader))
    view.setUint16(at + ipHeader + 4, to - at - ipHeader)
    frame.start = from
    frame.end = to
    frame.segmentSize = 0
    onFrame(frame)
    index++
  }
}
