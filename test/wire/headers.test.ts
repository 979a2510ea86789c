import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Ipv4Addr, MacAddr } from '../../src/base/address.ts'
import { seq } from '../../src/base/seq.ts'
import { ARP_LEN, ArpHeader } from '../../src/wire/arp.ts'
import { ETHERNET_HEADER_LEN, EthernetHeader, EtherType, readMac, writeMac } from '../../src/wire/ethernet.ts'
import { ICMP_HEADER_LEN, IcmpHeader, IcmpType, icmpChecksumOk, writeIcmpChecksum } from '../../src/wire/icmp.ts'
import { IPV4_HEADER_LEN, Ipv4Header, ipv4ChecksumOk } from '../../src/wire/ipv4.ts'
import { TCP_HEADER_LEN, TcpHeader } from '../../src/wire/tcp.ts'
import { UDP_HEADER_LEN, UdpHeader } from '../../src/wire/udp.ts'

const u8 = fc.integer({ min: 0, max: 0xff })
const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffffffff })
const mac = fc.integer({ min: 0, max: 0xffffffffffff }).map((n) => n as MacAddr)
const ip = u32.map((n) => n as Ipv4Addr)
const seqNum = u32.map((n) => seq(n))

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

interface Header {
  parse(view: DataView, at: number, end: number): string | undefined
  write(view: DataView, at: number): number
}

/** Writes `header` at `at` into noise and reads it back into `again`: equal in the fields given. */
function roundTrip<T extends Header>(header: T, again: T, fields: Partial<T>, at: number, room: number): void {
  const bytes = new Uint8Array(at + room + 3).fill(0xa5)
  const view = viewOf(bytes)
  Object.assign(header, fields)
  const end = header.write(view, at)
  assert.equal(bytes[at - 1] ?? 0xa5, 0xa5, 'nothing is written before the header')
  assert.equal(bytes[end], 0xa5, 'nothing is written behind it')
  assert.equal(again.parse(view, at, at + room), undefined)
  for (const [field, value] of Object.entries(fields)) {
    assert.equal(again[field as keyof T], value, field)
  }
}

describe('EthernetHeader', () => {
  it('reads back what it wrote', () => {
    const types = u16.filter((type) => type !== EtherType.VLAN && type !== EtherType.QINQ)
    fc.assert(
      fc.property(mac, mac, types, fc.integer({ min: -1, max: 0xffff }), u8, (dst, src, type, vlan, at) => {
        roundTrip(new EthernetHeader(), new EthernetHeader(), { dst, src, type, vlan }, at, 18)
      }),
    )
  })

  it('skips two tags and keeps the outer one', () => {
    const view = new DataView(new ArrayBuffer(40))
    view.setUint16(12, EtherType.QINQ)
    view.setUint16(14, 0x2064)
    view.setUint16(16, EtherType.VLAN)
    view.setUint16(18, 7)
    view.setUint16(20, EtherType.IPV4)
    const header = new EthernetHeader()
    assert.equal(header.parse(view, 0, 40), undefined)
    assert.deepEqual([header.type, header.vlan, header.payloadAt], [EtherType.IPV4, 0x2064, 22])
    assert.equal(header.parse(view, 0, 21), 'ethernet-truncated')
  })

  it('forgets the tag of the frame before', () => {
    const view = new DataView(new ArrayBuffer(40))
    view.setUint16(12, EtherType.VLAN)
    const header = new EthernetHeader()
    header.parse(view, 0, 40)
    assert.equal(header.vlan, 0)
    view.setUint16(12, EtherType.ARP)
    header.parse(view, 0, 40)
    assert.deepEqual([header.vlan, header.headerLen, header.payloadAt], [-1, ETHERNET_HEADER_LEN, ETHERNET_HEADER_LEN])
  })

  it('reads and writes every MAC address', () => {
    const view = new DataView(new ArrayBuffer(8))
    fc.assert(
      fc.property(mac, (addr) => {
        writeMac(view, 1, addr)
        assert.equal(readMac(view, 1), addr)
      }),
    )
  })
})

describe('ArpHeader', () => {
  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(u16, mac, ip, mac, ip, (operation, senderMac, senderIp, targetMac, targetIp) => {
        const fields = { operation, senderMac, senderIp, targetMac, targetIp }
        roundTrip(new ArpHeader(), new ArpHeader(), fields, 14, ARP_LEN)
      }),
    )
  })

  it('names what it refuses', () => {
    const view = new DataView(new ArrayBuffer(ARP_LEN))
    const header = new ArpHeader()
    const verdict = (offset: number, value: number): string | undefined => {
      header.write(view, 0)
      view.setUint8(offset, value)
      return header.parse(view, 0, ARP_LEN)
    }
    assert.equal(verdict(1, 6), 'arp-bad-hardware')
    assert.equal(verdict(3, 1), 'arp-bad-protocol')
    assert.equal(verdict(4, 8), 'arp-bad-length')
    assert.equal(verdict(5, 16), 'arp-bad-length')
  })
})

describe('Ipv4Header', () => {
  const addressed = fc.record({
    tos: u8,
    totalLen: fc.integer({ min: 20, max: 2000 }),
    id: u16,
    dontFragment: fc.boolean(),
    moreFragments: fc.boolean(),
    fragmentOffset: fc.integer({ min: 0, max: 0x1fff }).map((units) => units * 8),
    ttl: u8,
    protocol: u8,
    src: ip,
    dst: ip,
  })

  it('reads back what it wrote, with a correct checksum', () => {
    fc.assert(
      fc.property(addressed, u8, (fields, at) => {
        const header = new Ipv4Header()
        roundTrip(header, new Ipv4Header(), fields, at, 2000)
        const view = new DataView(new ArrayBuffer(2000))
        header.write(view, 0)
        assert.ok(ipv4ChecksumOk(view, 0, IPV4_HEADER_LEN))
        const again = new Ipv4Header()
        again.parse(view, 0, 2000)
        assert.equal(again.checksum, header.checksum)
        assert.deepEqual([again.payloadAt, again.end, again.optionsAt], [20, fields.totalLen, 0])
      }),
    )
  })

  it('sees every change of a single bit in the header', () => {
    const bytes = new Uint8Array(IPV4_HEADER_LEN)
    const view = viewOf(bytes)
    const header = new Ipv4Header()
    Object.assign(header, { totalLen: 1500, ttl: 64, protocol: 6, src: 0x0a000001, dst: 0x0a000002 })
    header.write(view, 0)
    for (let bit = 0; bit < 160; bit++) {
      bytes[bit >>> 3] = bytes[bit >>> 3]! ^ (1 << (bit & 7))
      assert.equal(ipv4ChecksumOk(view, 0, IPV4_HEADER_LEN), false, `bit ${bit}`)
      bytes[bit >>> 3] = bytes[bit >>> 3]! ^ (1 << (bit & 7))
    }
  })

  it('names what it refuses', () => {
    const view = new DataView(new ArrayBuffer(64))
    const header = new Ipv4Header()
    const verdict = (offset: number, value: number): string | undefined => {
      header.totalLen = 40
      header.write(view, 0)
      view.setUint8(offset, value)
      return header.parse(view, 0, 64)
    }
    assert.equal(verdict(0, 0x65), 'ip-bad-version')
    assert.equal(verdict(0, 0x44), 'ip-bad-header-length')
    assert.equal(verdict(3, 19), 'ip-bad-total-length')
    assert.equal(verdict(3, 65), 'ip-bad-total-length')
    assert.equal(verdict(3, 64), undefined)
    assert.equal(header.parse(view, 0, 19), 'ip-truncated')
    view.setUint8(0, 0x4f)
    assert.equal(header.parse(view, 0, 59), 'ip-bad-header-length')
  })
})

describe('IcmpHeader', () => {
  it('reads back an echo, a "fragmentation needed", a parameter problem and a redirect', () => {
    const echo = fc.constantFrom(IcmpType.ECHO_REPLY, IcmpType.ECHO_REQUEST)
    fc.assert(
      fc.property(echo, u8, u16, u16, u8, ip, (type, code, id, seqNumber, pointer, gateway) => {
        const trip = (fields: Partial<IcmpHeader>): void =>
          roundTrip(new IcmpHeader(), new IcmpHeader(), fields, 34, ICMP_HEADER_LEN)
        trip({ type, code, id, seq: seqNumber })
        trip({ type: IcmpType.UNREACHABLE, code: 4, mtu: id })
        trip({ type: IcmpType.PARAMETER_PROBLEM, code, pointer })
        trip({ type: IcmpType.REDIRECT, code, gateway })
      }),
    )
  })

  it('writes and verifies the checksum over header and data', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (data) => {
        const bytes = new Uint8Array(ICMP_HEADER_LEN + data.length)
        const header = new IcmpHeader()
        header.type = IcmpType.ECHO_REQUEST
        bytes.set(data, header.write(viewOf(bytes), 0))
        writeIcmpChecksum(bytes, 0, bytes.length)
        assert.ok(icmpChecksumOk(bytes, 0, bytes.length))
        bytes[8] = bytes[8]! ^ 1
        assert.ok(!icmpChecksumOk(bytes, 0, bytes.length))
      }),
    )
  })
})

describe('UdpHeader', () => {
  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(u16, u16, fc.integer({ min: 8, max: 900 }), (srcPort, dstPort, length) => {
        roundTrip(new UdpHeader(), new UdpHeader(), { srcPort, dstPort, length }, 34, 900)
      }),
    )
  })

  it('names what it refuses', () => {
    const view = new DataView(new ArrayBuffer(32))
    const header = new UdpHeader()
    assert.equal(header.parse(view, 0, 7), 'udp-truncated')
    for (const length of [0, 7, 33]) {
      view.setUint16(4, length)
      assert.equal(header.parse(view, 0, 32), 'udp-bad-length')
    }
    view.setUint16(4, 32)
    assert.equal(header.parse(view, 0, 32), undefined)
    assert.deepEqual([header.payloadAt, header.end], [8, 32])
  })
})

describe('TcpHeader', () => {
  it('reads back what it wrote', () => {
    const fields = fc.record({
      srcPort: u16,
      dstPort: u16,
      seq: seqNum,
      ack: seqNum,
      headerLen: fc.integer({ min: 5, max: 15 }).map((words) => words * 4),
      flags: u8,
      window: u16,
      urgent: u16,
    })
    fc.assert(
      fc.property(fields, u8, (given, at) => {
        const again = new TcpHeader()
        roundTrip(new TcpHeader(), again, given, at, 100)
        assert.deepEqual([again.optionsAt, again.payloadAt], [at + TCP_HEADER_LEN, at + given.headerLen])
        assert.equal(again.payloadLen, 100 - given.headerLen)
      }),
    )
  })

  it('refuses a data offset that points before or behind', () => {
    const view = new DataView(new ArrayBuffer(60))
    const header = new TcpHeader()
    view.setUint8(12, 0x40)
    assert.equal(header.parse(view, 0, 60), 'tcp-bad-offset')
    view.setUint8(12, 0xf0)
    assert.equal(header.parse(view, 0, 59), 'tcp-bad-offset')
    assert.equal(header.parse(view, 0, 60), undefined)
  })
})

describe('every header', () => {
  const headers: readonly [string, () => Header, number][] = [
    ['EthernetHeader', () => new EthernetHeader(), ETHERNET_HEADER_LEN],
    ['ArpHeader', () => new ArpHeader(), ARP_LEN],
    ['Ipv4Header', () => new Ipv4Header(), IPV4_HEADER_LEN],
    ['IcmpHeader', () => new IcmpHeader(), ICMP_HEADER_LEN],
    ['UdpHeader', () => new UdpHeader(), UDP_HEADER_LEN],
    ['TcpHeader', () => new TcpHeader(), TCP_HEADER_LEN],
  ]
  for (const [name, create, minimum] of headers) {
    it(`${name} refuses every truncation without throwing`, () => {
      // The view ends where the header does, so that a read behind the end would throw.
      for (let length = 0; length < minimum; length++) {
        const view = new DataView(new ArrayBuffer(length))
        assert.match(create().parse(view, 0, length) ?? 'accepted', /-truncated$/)
      }
    })

    it(`${name} takes random bytes without throwing`, () => {
      const header = create()
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
          const verdict = header.parse(viewOf(bytes), 0, bytes.length)
          assert.ok(verdict === undefined || /^[a-z0-9-]+$/.test(verdict))
        }),
        { numRuns: 2000 },
      )
    })
  }
})
