import type { Ipv4Addr, MacAddr } from '../../src/base/address.ts'
import type { Seq } from '../../src/base/seq.ts'
import { EthernetHeader, EtherType } from '../../src/wire/ethernet.ts'
import { Ipv4Header, ipv4ChecksumOk } from '../../src/wire/ipv4.ts'
import { TcpFlag, TcpHeader } from '../../src/wire/tcp.ts'
import { TcpOptions } from '../../src/wire/tcp-options.ts'
import type { Micro, Work } from './micro.ts'

const IP_AT = 14
const TCP_AT = 34
const END = TCP_AT + 32 + 1448

/** The headers of a full segment with timestamps, as they stand in a frame. */
class Headers {
  readonly view = new DataView(new ArrayBuffer(2048))
  readonly ethernet = new EthernetHeader()
  readonly ip = new Ipv4Header()
  readonly tcp = new TcpHeader()
  readonly options = new TcpOptions()

  constructor() {
    this.ethernet.dst = 0x02000000000a as MacAddr
    this.ethernet.src = 0x02000000000b as MacAddr
    this.ethernet.type = EtherType.IPV4
    Object.assign(this.ip, { totalLen: END - IP_AT, ttl: 64, protocol: 6, dontFragment: true })
    this.ip.src = 0x0a000001 as Ipv4Addr
    this.ip.dst = 0x0a000002 as Ipv4Addr
    Object.assign(this.tcp, { srcPort: 50_000, dstPort: 80, flags: TcpFlag.ACK, window: 500, headerLen: 32 })
    Object.assign(this.options, { timestamps: true, tsval: 1, tsecr: 2 })
    this.writeEthernet(0)
    this.writeIp(0)
    this.writeTcp(0)
  }

  writeEthernet(i: number): number {
    this.ethernet.src = (0x02000000000b + (i & 7)) as MacAddr
    return this.ethernet.write(this.view, 0)
  }

  writeIp(i: number): number {
    this.ip.id = i & 0xffff
    this.ip.write(this.view, IP_AT)
    return this.ip.checksum
  }

  writeTcp(i: number): number {
    this.tcp.seq = i as Seq
    this.options.tsval = i >>> 0
    return this.options.write(this.view, this.tcp.write(this.view, TCP_AT))
  }

  parseEthernet(): number {
    return this.ethernet.parse(this.view, 0, END) === undefined ? this.ethernet.type : 0
  }

  parseIp(): number {
    const isSound = this.ip.parse(this.view, IP_AT, END) === undefined && ipv4ChecksumOk(this.view, IP_AT, 20)
    return isSound ? this.ip.payloadAt : 0
  }

  parseTcp(): number {
    if (this.tcp.parse(this.view, TCP_AT, END) !== undefined) return 0
    this.options.parse(this.view, this.tcp.optionsAt, this.tcp.payloadAt)
    return this.tcp.payloadLen + this.options.tsval
  }
}

/** Repeats one call, with the number of the repetition. */
const repeat =
  (call: (i: number) => number): Work =>
  (count) => {
    let sum = 0
    for (let i = 0; i < count; i++) sum += call(i)
    return sum
  }

const micro = (name: string, call: (headers: Headers, i: number) => number): Micro => ({
  layer: 'wire',
  name,
  prepare: () => {
    const headers = new Headers()
    return repeat((i) => call(headers, i))
  },
})

export const WIRE: readonly Micro[] = [
  micro('Ethernet header, parse', (h) => h.parseEthernet()),
  micro('Ethernet header, build', (h, i) => h.writeEthernet(i)),
  micro('IPv4 header, parse and verify', (h) => h.parseIp()),
  micro('IPv4 header, build with its checksum', (h, i) => h.writeIp(i)),
  micro('TCP header with timestamps, parse', (h) => h.parseTcp()),
  micro('TCP header with timestamps, build', (h, i) => h.writeTcp(i)),
  micro('all three, parse', (h) => h.parseEthernet() + h.parseIp() + h.parseTcp()),
  micro('all three, build', (h, i) => h.writeTcp(i) + h.writeIp(i) + h.writeEthernet(i)),
]
