import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IPV4_ANY } from '../../src/base/address.ts'
import type { Micros } from '../../src/base/types.ts'
import { joinGroup } from '../../src/stack/udp-groups.ts'
import { UdpEndpoint, type UdpEndpointOptions } from '../../src/udp/endpoint.ts'
import { IcmpCode, IcmpType } from '../../src/wire/icmp.ts'
import { host, ip } from '../stack/net.ts'
import { packet, packetsOf, TestLink, udp } from '../stack/test-link.ts'

const US = ip('10.0.0.1')
const PEER = ip('10.0.0.2')
const data = Uint8Array.of(1, 2, 3)

function ready() {
  const link = new TestLink('ip')
  const stack = host(link, '10.0.0.1/24')
  const open = (options: Partial<UdpEndpointOptions> = {}) => {
    const endpoint = new UdpEndpoint({ address: IPV4_ANY, port: 53, ...options })
    stack.udp.endpoints.add(endpoint)
    return endpoint
  }
  const feed = (
    { src = PEER, srcPort = 9, dst = US, dstPort = 53, payload = data } = {},
    change: (bytes: Uint8Array) => void = () => {},
    checksum: 'complete' | 'verified' | 'partial' = 'complete',
    segmentSize = 0,
  ) => {
    const bytes = udp(src, srcPort, dst, dstPort, payload)
    change(bytes)
    link.feed(packet({ src, dst, protocol: 17 }, bytes), checksum, segmentSize)
    stack.poll(0 as Micros)
    return packetsOf(link.take(), 'ip')
  }
  return { link, stack, open, feed }
}

describe('Udp.input()', () => {
  it('delivers a copy with both addresses', () => {
    const { open, feed } = ready()
    const endpoint = open()
    assert.deepEqual(feed(), [])
    assert.deepEqual(endpoint.read(), { data, address: PEER, port: 9, destination: US })
    assert.equal(endpoint.read(), undefined)
  })

  it('prefers connected, then bound to the address, then bound to any', () => {
    const { stack, open, feed } = ready()
    const any = open()
    const exact = open({ address: US })
    const connected = open({ address: US })
    stack.udp.connect(connected, PEER, 9)
    feed()
    feed({ srcPort: 10 })
    feed({ src: ip('10.0.0.3') })
    stack.udp.close(exact)
    feed({ srcPort: 10 })
    assert.deepEqual([connected.readable, exact.readable, any.readable], [1, 2, 1])
  })

  it('answers an unknown port with port unreachable (RFC 1122 §4.1.3.1)', () => {
    const { stack, open, feed } = ready()
    const [error] = feed()
    assert.deepEqual([...error!.bytes.subarray(20, 22)], [IcmpType.UNREACHABLE, IcmpCode.PORT_UNREACHABLE])
    stack.udp.close(open())
    assert.equal(feed().length, 1)
    assert.equal(stack.counters.get('udp-no-port'), 2)
  })

  it('verifies the checksum unless there is none or the link vouches for it', () => {
    const { stack, open, feed } = ready()
    const endpoint = open()
    const spoil = (bytes: Uint8Array) => bytes.fill(0x55, 6, 8)
    feed({}, spoil)
    assert.equal(endpoint.readable, 0)
    assert.equal(stack.counters.get('udp-bad-checksum'), 1)
    feed({}, (bytes) => bytes.fill(0, 6, 8))
    feed({}, spoil, 'verified')
    feed({}, spoil, 'partial')
    assert.equal(endpoint.readable, 3)
  })

  it('refuses wrong lengths and ignores what follows the datagram', () => {
    const { stack, open, feed } = ready()
    const endpoint = open()
    feed({}, (bytes) => bytes.set([0, 7], 4))
    feed({}, (bytes) => bytes.set([0, 99], 4))
    assert.equal(stack.counters.get('udp-bad-length'), 2)
    feed({}, (bytes) => bytes.set([0, 10, 0, 0], 4))
    assert.deepEqual(endpoint.read()!.data, Uint8Array.of(1, 2))
  })

  it('gives a broadcast to everyone on the port, without complaint when nobody is', () => {
    const { open, feed } = ready()
    const all = [open({ reuse: true }), open({ reuse: true })]
    const other = open({ address: US, reuse: true })
    feed({ dst: ip('10.0.0.255') })
    assert.deepEqual(
      [...all, other].map((endpoint) => endpoint.readable),
      [1, 1, 0],
    )
    assert.deepEqual(feed({ dst: ip('10.0.0.255'), dstPort: 54 }), [])
  })

  it('bounds the receive queue in bytes, empty datagrams too, and counts what is lost', () => {
    const { stack, open, feed } = ready()
    const endpoint = open({ receiveBuffer: 1000 })
    for (let i = 0; i < 20; i++) feed({ payload: new Uint8Array(0) })
    assert.equal(endpoint.readable, 7)
    assert.equal(endpoint.dropped, 13)
    assert.equal(stack.counters.get('udp-buffer-full'), 13)
    endpoint.read()
    feed({ payload: new Uint8Array(0) })
    assert.equal(endpoint.readable, 7)
  })

  it('takes a super-segment apart', () => {
    const { open, feed } = ready()
    const endpoint = open()
    feed({ payload: Uint8Array.of(1, 2, 3, 4, 5) }, () => {}, 'partial', 2)
    assert.deepEqual(
      [endpoint.read(), endpoint.read(), endpoint.read()].map((message) => [...message!.data]),
      [[1, 2], [3, 4], [5]],
    )
  })
})

describe('Udp.send()', () => {
  it('asks for permission to broadcast, for a way, and for a size that fits', () => {
    const { stack, open } = ready()
    const plain = open()
    const loud = open({ port: 54, broadcast: true })
    assert.equal(stack.udp.send(plain, data, ip('10.0.0.255'), 9), 'EACCES')
    assert.equal(stack.udp.send(plain, data, ip('255.255.255.255'), 9), 'EACCES')
    assert.equal(stack.udp.connect(plain, ip('10.0.0.255'), 9), 'EACCES')
    assert.equal(stack.udp.send(loud, data, ip('10.0.0.255'), 9), undefined)
    assert.equal(stack.udp.send(plain, data, ip('8.8.8.8'), 9), 'ENETUNREACH')
    assert.equal(stack.udp.send(plain, new Uint8Array(65508), PEER, 9), 'EMSGSIZE')
    const whole = open({ port: 55, dontFragment: true })
    assert.equal(stack.udp.send(whole, new Uint8Array(1473), PEER, 9), 'EMSGSIZE')
    assert.equal(stack.udp.send(whole, new Uint8Array(1472), PEER, 9), undefined)
  })

  it('bounds the send queue until the next poll', () => {
    const { stack, open } = ready()
    const endpoint = open({ sendBuffer: 1000 })
    const outcomes = Array.from({ length: 5 }, () => stack.udp.send(endpoint, new Uint8Array(300), PEER, 9))
    assert.deepEqual(outcomes, [undefined, undefined, 'ENOBUFS', 'ENOBUFS', 'ENOBUFS'])
    let writable = 0
    endpoint.onWritable = () => writable++
    stack.poll(0 as Micros)
    assert.equal(writable, 1)
    assert.equal(stack.udp.send(endpoint, new Uint8Array(300), PEER, 9), undefined)
  })

  it('sends a checksum of all ones where the sum is zero (RFC 768)', () => {
    const { link, stack, open } = ready()
    // Ports and addresses are known, so one word can make the sum what it must be.
    const probe = udp(US, 53, PEER, 9, Uint8Array.of(0, 0))
    const rest = new DataView(probe.buffer).getUint16(6)
    stack.udp.send(open(), Uint8Array.of(rest >>> 8, rest & 255), PEER, 9)
    stack.poll(0 as Micros)
    const [sent] = packetsOf(link.take(), 'ip')
    assert.deepEqual([...sent!.bytes.subarray(26, 28)], [255, 255])
  })

  it('copies what it is given, of a Buffer too', () => {
    for (const given of [Uint8Array.of(1, 2, 3), Buffer.from([1, 2, 3])]) {
      const { link, stack, open } = ready()
      stack.udp.send(open(), given, PEER, 53)
      given.fill(9)
      stack.poll(0 as Micros)
      const [sent] = packetsOf(link.take(), 'ip')
      assert.deepEqual([...sent!.bytes.subarray(28)], [1, 2, 3])
    }
  })

  it('sends groups with time to live 1 unless asked otherwise', () => {
    const { link, stack, open } = ready()
    stack.udp.send(open(), data, ip('239.0.0.1'), 9)
    stack.udp.send(open({ port: 54, multicastTtl: 9 }), data, ip('239.0.0.1'), 9)
    stack.poll(0 as Micros)
    assert.deepEqual(
      packetsOf(link.take(), 'ip').map((header) => header.ttl),
      [1, 9],
    )
  })

  it('brings what is sent to a group to its members here, by the same interface, unless told not to (RFC 1112 §6.2)', () => {
    const { link, stack, open } = ready()
    const group = ip('239.0.0.1')
    const [sender, member, stranger, elsewhere] = [open({ port: 54 }), open(), open(), open({ address: US })]
    const silent = open({ port: 55, multicastLoop: false })
    const secret = open({ port: 56, multicastTtl: 0 })
    for (const endpoint of [member, elsewhere]) joinGroup(stack, endpoint, group)
    joinGroup(stack, stranger, ip('239.0.0.2'))
    stack.poll(0 as Micros)
    link.take()
    for (const endpoint of [sender, silent, secret]) stack.udp.send(endpoint, data, group, 53)
    stack.poll(0 as Micros)
    assert.deepEqual(member.read(), { data, address: US, port: 54, destination: group })
    assert.deepEqual(member.read(), { data, address: US, port: 56, destination: group })
    assert.deepEqual([member.readable, stranger.readable, elsewhere.readable], [0, 0, 0])
    assert.equal(link.take().length, 2)
  })

  it('keeps what it sends to a group from nobody where one who hears of it throws', () => {
    const { link, stack, open } = ready()
    const group = ip('239.0.0.1')
    const [sender, angry, calm] = [open({ port: 54 }), open(), open()]
    for (const endpoint of [angry, calm]) joinGroup(stack, endpoint, group)
    angry.onReadable = () => {
      throw new Error('of a listener')
    }
    stack.poll(0 as Micros)
    link.take()
    stack.udp.send(sender, data, group, 53)
    stack.udp.send(calm, data, PEER, 9)
    assert.throws(() => stack.poll(0 as Micros), /of a listener/)
    assert.equal(calm.readable, 1)
    assert.equal(link.take().length, 2)
    stack.poll(0 as Micros)
  })
})
