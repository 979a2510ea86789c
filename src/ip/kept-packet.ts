import { InFrame } from '../link/link.ts'
import { Ipv4Header } from '../wire/ipv4.ts'
import type { IpPacket } from './transport.ts'

/** A copy of a packet up to `end` in its frame, for whoever answers it later, or lets ICMP complain about it. */
export function keepPacket({ frame, header, iface, broadcast }: IpPacket, end: number): IpPacket {
  const start = header.payloadAt - header.headerLen
  const kept = new InFrame(frame.bytes.slice(start, end))
  kept.end = end - start
  kept.checksum = frame.checksum
  const copy = Object.assign(new Ipv4Header(), header)
  copy.optionsAt = header.optionsAt === 0 ? 0 : header.optionsAt - start
  copy.payloadAt = header.headerLen
  copy.end = kept.end
  return { frame: kept, header: copy, iface, broadcast }
}
