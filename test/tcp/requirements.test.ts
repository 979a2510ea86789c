import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Ipv4Addr, parseIpv4 } from '../../src/base/address.ts'
import { seededRng } from '../../src/base/rng.ts'
import { Stack } from '../../src/stack/stack.ts'
import { Tcp } from '../../src/tcp/tcp.ts'
import { IPV4_HEADER_LEN, IpProtocol, Ipv4Header } from '../../src/wire/ipv4.ts'
import { TCP_CHECKSUM_OFFSET, TcpHeader } from '../../src/wire/tcp.ts'
import { transportChecksumOk } from '../../src/wire/transport-checksum.ts'
import { active, passive } from './established.ts'
import { encode, parseSegment } from './notation.ts'
import { LISTEN_PORT, Peer, THEM, US } from './peer.ts'
import { WireLink } from './wire-link.ts'

// Requirements of RFC 9293 that no single state or mechanism owns.

const headerOf = (bytes: Uint8Array): Ipv4Header => {
  const header = new Ipv4Header()
  assert.equal(header.parse(new DataView(bytes.buffer), 0, bytes.length), undefined)
  return header
}

describe('the segment (RFC 9293 §3.1)', () => {
  it('has a window that counts without sign (MUST-1, REC-1)', () => {
    const peer = passive({ syn: 'mss 1000', window: 0xffff })
    peer.write(200_000)
    let acked = 1
    let sent = 0
    for (let round = 0; round < 4; round++) {
      sent = 0
      for (let seen = peer.next(); seen !== undefined; seen = peer.next()) sent += seen.length
      acked += sent
      if (sent < 0xffff) peer.send(`. 1:1(0) ack ${acked} win 65535`)
    }
    assert.equal(sent, 65_000)
  })

  it('leaves with a right checksum (MUST-2)', () => {
    const peer = passive()
    peer.write(1501)
    for (const { bytes } of peer.link.sent) {
      const ip = headerOf(bytes)
      assert.ok(transportChecksumOk(bytes, ip.src, ip.dst, IpProtocol.TCP, ip.payloadAt, ip.end))
    }
    assert.ok(peer.link.sent.length >= 3)
  })

  it('is dropped and counted when its checksum is wrong (MUST-3)', () => {
    const peer = passive()
    const bytes = encode(parseSegment('P. 1:101(100) ack 1'), peer.them, peer.us)
    bytes[IPV4_HEADER_LEN + TCP_CHECKSUM_OFFSET]! ^= 1
    peer.feed(bytes)
    assert.equal(peer.received, 0)
    assert.equal(peer.stack.counters.get('tcp-bad-checksum'), 1)
  })

  it('may carry any option, and a maximum segment size has no meaning outside a SYN (MUST-5)', () => {
    const peer = passive({ tcp: { quickAcks: 0 } })
    peer.send('P. 1:101(100) ack 1 <mss 100>')
    assert.equal(peer.received, 100)
    peer.write(1000)
    peer.at(40)
    peer.expect('P. 1:1001(1000) ack 101')
  })

  it('never names a maximum segment size outside a SYN (MUST-65)', () => {
    const peer = passive()
    const handshake = peer.link.sent.length
    peer.write(3000)
    peer.send('P. 1:101(100) ack 3001', 'F. 101:101(0) ack 3001')
    peer.do('close')
    const header = new TcpHeader()
    for (const { bytes } of peer.link.sent.slice(handshake)) {
      header.parse(new DataView(bytes.buffer), IPV4_HEADER_LEN, bytes.length)
      assert.equal(header.headerLen, 20)
    }
  })
})

describe('a closed window', () => {
  it('still lets a reset through (RFC 9293 §3.4, MUST-66)', () => {
    const peer = passive({ tcp: { receiveBuffer: 4000 } })
    peer.reads = false
    peer.send('P. 1:2001(2000) ack 1', 'P. 2001:4001(2000) ack 1')
    peer.expect('. 1:1(0) ack 4001 win 0')
    peer.send('R 4001:4001(0)')
    assert.ok(peer.told.includes('ECONNRESET'))
  })

  it('of our own may last for ever (MAY-8)', () => {
    const peer = passive({ tcp: { receiveBuffer: 4000 } })
    peer.reads = false
    peer.send('P. 1:2001(2000) ack 1', 'P. 2001:4001(2000) ack 1')
    peer.expect('. 1:1(0) ack 4001 win 0')
    for (let day = 1; day <= 3; day++) {
      peer.at(day * 86_400_000)
      peer.send('. 4000:4000(0) ack 1')
      peer.expect('. 1:1(0) ack 4001 win 0')
    }
  })
})

describe('OPEN (RFC 9293 §3.9.1.1)', () => {
  it('may name the local address, else IP chooses it, and every segment carries it (MUST-43, MUST-44, MUST-45)', () => {
    const other = parseIpv4('10.0.0.7') as Ipv4Addr
    for (const local of [undefined, other]) {
      const link = new WireLink(1500, false)
      const stack = new Stack({ rng: seededRng(1) })
      const tcp = new Tcp({ ip: stack.ip, ports: stack.ports, rng: stack.rng, work: () => stack.work() })
      stack.register(tcp)
      const addresses = [US, other].map((addr) => ({ addr, prefix: 24 }))
      stack.addInterface(link, { addresses })
      const tcb = tcp.connect(THEM, LISTEN_PORT, local === undefined ? {} : { local })
      stack.poll(stack.pollAt())
      assert.equal(tcb.local, local ?? US)
      assert.deepEqual(new Set(link.sent.map(({ bytes }) => headerOf(bytes).src)), new Set([local ?? US]))
    }
  })

  it('refuses a broadcast or multicast address (MUST-46)', () => {
    const peer = new Peer()
    for (const addr of ['255.255.255.255', '10.0.0.255', '224.0.0.1', '239.1.2.3', '0.0.0.0']) {
      const open = (): unknown => peer.tcp.connect(parseIpv4(addr) as Ipv4Addr, 80)
      assert.throws(open, { code: 'ENETUNREACH' }, addr)
    }
    peer.expectNothing()
    assert.equal(peer.tcp.size, 0)
  })

  it('is asked for by no SYN from a broadcast or multicast address (MUST-63)', () => {
    const peer = new Peer()
    peer.listen()
    for (const from of ['255.255.255.255', '10.0.0.255', '224.0.0.1', '0.0.0.0']) {
      const them = { ...peer.them, addr: parseIpv4(from) as Ipv4Addr }
      peer.feed(encode(parseSegment('S 0:0(0) win 1000'), them, { ...peer.us, port: LISTEN_PORT }))
    }
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.link.sent.length, 0)
  })

  it('is asked for by no SYN to a broadcast or multicast address (MUST-57)', () => {
    const peer = new Peer()
    peer.listen()
    for (const to of ['255.255.255.255', '10.0.0.255', '224.0.0.1']) {
      const us = { ...peer.us, addr: parseIpv4(to) as Ipv4Addr, port: LISTEN_PORT }
      peer.feed(encode(parseSegment('S 0:0(0) win 1000'), peer.them, us))
    }
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.link.sent.length, 0)
  })
})

describe('SEND (RFC 9293 §3.9.1.2)', () => {
  it('pushes the last segment of what is queued, and only that (MUST-60, MUST-61, SHLD-27, SHLD-28, MAY-16)', () => {
    const peer = passive()
    peer.do(() => {
      peer.tcb.cork = true
    })
    peer.write(700)
    peer.write(700)
    peer.do(() => {
      peer.tcb.cork = false
    })
    peer.expect('. 1:1001(1000) ack 1')
    peer.expect('P. 1001:1401(400) ack 1')
  })
})

describe('what the program chooses for IP (RFC 9293 §3.9.1.9, §3.9.2)', () => {
  it('is the differentiated-services field and the time to live (MUST-48, MUST-49, SHLD-22, SHLD-23)', () => {
    const peer = active({ tcp: { ttl: 7, tos: 0xb8 } })
    peer.write(10)
    for (const { bytes } of peer.link.sent) {
      const { ttl, tos } = headerOf(bytes)
      assert.deepEqual({ ttl, tos }, { ttl: 7, tos: 0xb8 })
    }
  })
})
