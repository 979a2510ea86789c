import { EtherType } from '../../src/wire/ethernet.ts'
import { IpProtocol } from '../../src/wire/ipv4.ts'
import {
  A,
  arp,
  ascii,
  B,
  ethernet,
  hex,
  icmp,
  ip,
  ipv4,
  ipv4Packet,
  ipv6,
  join,
  mac,
  tcp,
  tcpSegment,
  udp,
  udpDatagram,
} from './build.ts'

/** One frame of each kind that people meet, and of many kinds they do not: seeds for comparison and mutation. */

const LINK_LOCAL = 'fe80000000000000004200fffe0a0002'
const ALL_NODES = 'ff020000000000000000000000000001'
const zeros = (length: number): Uint8Array => new Uint8Array(length)
const ACK = 0x10
const PSH_ACK = 0x18

const handshakeOptions = { mss: 1460, sackPermitted: true, timestamps: true, tsval: 100, windowScale: 7 }
const established = { timestamps: true, tsval: 101, tsecr: 200 }

export const ARP_FRAMES: readonly Uint8Array[] = [
  arp({}),
  join(arp({ operation: 2, targetMac: mac('02:42:0a:00:00:02') }), zeros(18)),
  arp({ targetMac: mac('ff:ff:ff:ff:ff:ff'), targetIp: A }),
  arp({ senderIp: ip('0.0.0.0'), targetIp: ip('10.0.0.9') }),
  arp({ operation: 3 }),
  ethernet(EtherType.ARP, hex('0006080006040001 02420a000002 00000000 000000000000 0a000009')),
  ethernet(EtherType.ARP, hex('0001880806040001 02420a000002 00000000 000000000000 0a000009')),
]

export const TCP_FRAMES: readonly Uint8Array[] = [
  tcp({ flags: 2, options: handshakeOptions }),
  tcp({
    src: B,
    dst: A,
    srcPort: 8888,
    dstPort: 40000,
    seq: 5000,
    ack: 1001,
    flags: 0x12,
    options: { ...handshakeOptions, tsecr: 100 },
  }),
  tcp({ seq: 1001, ack: 5001, window: 502, options: established }),
  tcp({ flags: PSH_ACK, seq: 1001, ack: 5001, options: established, data: ascii('hello world\n') }),
  tcp({
    src: B,
    dst: A,
    srcPort: 8888,
    dstPort: 40000,
    seq: 5001,
    ack: 1001,
    flags: ACK,
    rawOptions: hex('0101080a0000006400000064 01010512 000003e9000007d1 00000bb900000fa1'),
  }),
  tcp({ flags: 0x11, seq: 1013, ack: 5001 }),
  tcp({ flags: 0x14, seq: 1013, ack: 5001 }),
  tcp({ flags: 0x04, seq: 1013, data: ascii('reset because') }),
  tcp({ flags: 0xf0, srcPort: 7777, dstPort: 9, seq: 1013, ack: 1, urgent: 7, data: ascii('x') }),
  tcp({ flags: 0, srcPort: 7777, dstPort: 9, rawOptions: hex('020405b4 2202 220601020304 fe08f98901020304 00000000') }),
  tcp({ flags: 2, srcPort: 7777, dstPort: 9, rawOptions: hex('1d100102030405060708091011121314 c8040102 1304 0000') }),
  tcp({ flags: 2, srcPort: 7777, dstPort: 9, rawOptions: hex('030307 0502 0101 08') }),
  tcp({ flags: 2, srcPort: 7777, dstPort: 9, rawOptions: hex('0203051200000000') }),
  tcp({ flags: PSH_ACK, dstPort: 80, ack: 1, data: ascii('GET /index.html HTTP/1.1\r\nHost: a.example\r\n\r\n') }),
  tcp({ flags: PSH_ACK, srcPort: 80, ack: 1, data: ascii('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel\x01o') }),
  tcp({ flags: PSH_ACK, srcPort: 8080, ack: 1, data: ascii('\x00\x01binary') }),
]

const dnsQuery = hex('1234010000010000000000010377777707 6578616d706c6503636f6d0000010001 0000290200000000000000')
const dnsAnswer = join(
  hex('12348180000100030001000103777777076578616d706c6503636f6d0000010001'),
  hex('c00c0005000100000e10000603617070c010 c02d00010001000000780004c0000201'),
  hex('c02d001c000100000078001020010db8000000000000000000000001 c01000020001000151800006036e7331c010'),
  hex('00002904d0000000000000'),
)
const dnsText = hex('abcd8400000100010000000003 7478740000100001 c00c001000010000000a000c0568656c6c6f05776f726c64')
const mdnsQuery = hex('000000000001000000000000055f68747470045f746370056c6f63616c00000c8001')
const mdnsAnswer = join(
  hex('0000840000000002000000000568656c6c6f056c6f63616c00'),
  hex('00018001000000780004c0a80101 c00c00210001000000780008000000000050c00c'),
)
const dhcpRequest = join(
  hex('01010600 deadbeef 0003 8000'),
  zeros(16),
  hex('02420a000002'),
  zeros(202),
  hex('63825363 350101 3d070102420a000002 32040a000009 0c03666f6f 370401030f06 39020240 ff'),
  zeros(20),
)
const dhcpReply = join(
  hex('02010600 deadbeef 0000 0000 00000000 0a000009 0a000001 00000000 02420a000002'),
  zeros(202),
  hex('63825363 350102 36040a000001 33040000a8c0 0104ffffff00 03040a000001 06080a0000010a000002 0f0365786d ff'),
)

export const UDP_FRAMES: readonly Uint8Array[] = [
  udp({ data: ascii('payload') }),
  udp({ data: ascii('payload'), checksum: false }),
  udp({ dstPort: 53, data: dnsQuery }),
  udp({ srcPort: 53, data: dnsAnswer }),
  udp({ srcPort: 53, data: dnsText }),
  udp({ srcPort: 5353, dstPort: 5353, data: mdnsQuery }),
  udp({ srcPort: 5353, dstPort: 5353, data: mdnsAnswer }),
  udp({ srcPort: 68, dstPort: 67, data: dhcpRequest }),
  udp({ srcPort: 67, dstPort: 68, data: dhcpReply }),
]

const quotedUdp = ipv4Packet(IpProtocol.UDP, udpDatagram({ dstPort: 33434, data: zeros(20) }))
const quotedTcp = ipv4Packet(IpProtocol.TCP, tcpSegment({ flags: 2 })).subarray(0, 28)

export const ICMP_FRAMES: readonly Uint8Array[] = [
  icmp({ type: 8, id: 0x1234, seq: 1, data: zeros(56) }),
  icmp({ type: 0, id: 0x1234, seq: 1, data: zeros(56) }),
  ...Array.from({ length: 17 }, (_, code) => icmp({ type: 3, code, mtu: code === 4 ? 1400 : 0, data: quotedUdp })),
  icmp({ type: 3, code: 3, data: quotedTcp }),
  icmp({ type: 11, code: 0, data: quotedUdp }),
  icmp({ type: 11, code: 1, data: quotedUdp }),
  ...Array.from({ length: 5 }, (_, code) => icmp({ type: 5, code, gateway: ip('10.0.0.254'), data: quotedUdp })),
  icmp({ type: 12, code: 0, pointer: 20, data: quotedUdp }),
  icmp({ type: 12, code: 1, data: quotedUdp }),
  icmp({ type: 13, id: 1, seq: 2, data: zeros(12) }),
  icmp({ type: 14, id: 1, seq: 2, data: hex('0123456700abcdef00abcdff') }),
  icmp({ type: 17, id: 1, seq: 2, data: zeros(4) }),
  icmp({ type: 18, id: 1, seq: 2, data: hex('ffffff00') }),
  icmp({ type: 9, id: 0x0102, seq: 1800, data: hex('0a00000100000000') }),
  icmp({ type: 10 }),
  icmp({ type: 4, data: quotedUdp }),
  icmp({ type: 77 }),
]

const small = udpDatagram({ srcPort: 1, dstPort: 2, data: zeros(3) })

export const IPV4_FRAMES: readonly Uint8Array[] = [
  ipv4(IpProtocol.UDP, udpDatagram({ data: zeros(1472) }), { moreFragments: true, dontFragment: false }),
  ipv4(IpProtocol.UDP, zeros(100), { fragmentOffset: 1480, dontFragment: false }),
  ipv4(IpProtocol.ICMP, zeros(100), { fragmentOffset: 1480, dontFragment: false, moreFragments: true, tos: 3 }),
  ipv4(IpProtocol.UDP, small, { options: hex('0707040a00000100'), tos: 1 }),
  ipv4(IpProtocol.UDP, small, { options: hex('440c05000000000100000000'), tos: 2 }),
  ipv4(IpProtocol.UDP, small, { options: hex('440c05010a0000010000000a') }),
  ipv4(IpProtocol.UDP, small, { options: hex('8307040808080800') }),
  ipv4(IpProtocol.UDP, small, { options: hex('820400009404000152040000 01010107') }),
  ipv4(IpProtocol.IGMP, hex('1600f9fde0000005'), { options: hex('94040000'), ttl: 1 }),
  ipv4(IpProtocol.IGMP, hex('11640000e0000001')),
  ipv4(IpProtocol.IGMP, hex('1164000000000000 027d0000')),
  ipv4(IpProtocol.IGMP, hex('2200f9fd00000001 04000000e0000005')),
  ipv4(IpProtocol.IGMP, hex('17000000e0000005')),
  ipv4(99, zeros(10)),
  ipv4(IpProtocol.IPIP, ipv4Packet(IpProtocol.UDP, small)),
]

const to = (next: number, payload: Uint8Array): Uint8Array => ipv6(next, payload, LINK_LOCAL, ALL_NODES)
const quoted6 = to(IpProtocol.UDP, udpDatagram({ data: zeros(3) })).subarray(14)

export const IPV6_FRAMES: readonly Uint8Array[] = [
  to(58, hex('8500d0f900000000 010102420a000002')),
  to(58, hex('870000000000000020010db80000000000000000000000010101 02420a000002')),
  to(58, hex('880000006000000020010db80000000000000000000000010201 02420a000002')),
  to(58, hex('86000000404007080000000000000000 0304 40c0 00000e1000000e1000000000 20010db8000000000000000000000000')),
  to(58, hex('8000123400010002 61626364')),
  to(58, hex('8100123400010002 61626364')),
  to(58, join(hex('0104000000000000'), quoted6)),
  to(58, join(hex('0100000000000000'), quoted6)),
  to(58, join(hex('0200000000000500'), quoted6)),
  to(58, join(hex('0300000000000000'), quoted6)),
  to(58, join(hex('0401000000000028'), quoted6)),
  to(0, join(hex('3a00050200000100'), hex('8f00aaaa00000001 04000000ff0200000000000000000001ff0a0002'))),
  to(58, hex('8200000027100000ff020000000000000000000000000001')),
  to(IpProtocol.TCP, tcpSegment({ flags: 2, options: handshakeOptions })),
  to(IpProtocol.UDP, udpDatagram({ data: zeros(8) })),
  to(44, join(hex('1100000112345678'), udpDatagram({ data: zeros(8) }))),
  to(44, join(hex('1100058012345678'), zeros(8))),
  to(59, zeros(0)),
  to(60, join(hex('1100010400000000'), udpDatagram({ data: zeros(8) }))),
  ipv6(17, udpDatagram({}), '00000000000000000000ffff0a000001', '20010db8000000010000000000000001'),
  ipv6(17, udpDatagram({}), '00000000000000000000000000000001', '20010000000100000000000100000000'),
]

export const LINK_FRAMES: readonly Uint8Array[] = [
  ethernet(EtherType.IPV4, ipv4Packet(IpProtocol.UDP, small), { vlan: 0x2064 }),
  ethernet(EtherType.QINQ, join(hex('0064 8100 1007 0800'), ipv4Packet(IpProtocol.UDP, small))),
  ethernet(0x1234, zeros(46).fill(0x41)),
  join(
    hex('0180c2000000 02420a000002 0026 424203 0000000000 800002420a000001 00000000 800002420a000001 8001'),
    hex('0000140002000f00'),
    zeros(8),
  ),
  join(
    hex('0180c2000000 02420a000002 0027 424203 000002027c 800002420a000001 00000004 800002420a000001 8001'),
    hex('0100140002000f0000'),
    zeros(7),
  ),
]

export const BROKEN_FRAMES: readonly Uint8Array[] = [
  ethernet(EtherType.IPV4, zeros(5)),
  ethernet(EtherType.IPV4, hex('4500')),
  ethernet(EtherType.IPV6, hex('6000')),
  ethernet(EtherType.ARP, hex('0001')),
  hex('0242'),
]

export const CORPUS: readonly Uint8Array[] = [
  ...ARP_FRAMES,
  ...TCP_FRAMES,
  ...UDP_FRAMES,
  ...ICMP_FRAMES,
  ...IPV4_FRAMES,
  ...IPV6_FRAMES,
  ...LINK_FRAMES,
  ...BROKEN_FRAMES,
]
