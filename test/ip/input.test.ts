import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAC_BROADCAST, type MacAddr, multicastMac } from '../../src/base/address.ts'
import type { Micros } from '../../src/base/types.ts'
import type { Transport } from '../../src/ip/transport.ts'
import { EtherType } from '../../src/wire/ethernet.ts'
import { IcmpType } from '../../src/wire/icmp.ts'
import { host, ip } from '../stack/net.ts'
import { ethernet, packet, packetsOf, TestLink } from '../stack/test-link.ts'

const US = ip('10.0.0.1')
const PEER = ip('10.0.0.2')
const PROTOCOL = 200

/** A stack with a transport that notes what reaches it. */
function ready(options = {}, medium: 'ethernet' | 'ip' = 'ethernet') {
  const link = new TestLink(medium)
  const stack = host(link, '10.0.0.1/24', options)
  const heard: { data: number[]; broadcast: boolean }[] = []
  const transport: Transport = {
    protocol: PROTOCOL,
    input: ({ frame, header, broadcast }) => {
      heard.push({ data: [...frame.bytes.subarray(header.payloadAt, header.end)], broadcast })
      return undefined
    },
    icmpError() {},
    poll() {},
    pollAt: () => Number.POSITIVE_INFINITY as Micros,
  }
  stack.register(transport)
  /** Feeds one packet; what was counted for it. */
  const feed = (
    bytes: Uint8Array,
    ether: Parameters<typeof ethernet>[2] = {},
    checksum: 'complete' | 'partial' = 'complete',
  ) => {
    const before = stack.counters.toJSON()
    link.feed(medium === 'ethernet' ? ethernet(bytes, EtherType.IPV4, ether) : bytes, checksum)
    stack.poll(0 as Micros)
    return Object.entries(stack.counters.toJSON()).find(([name, count]) => count !== (before[name] ?? 0))?.[0]
  }
  return { link, stack, heard, feed }
}

const fields = { src: PEER, dst: US, protocol: PROTOCOL }
const data = Uint8Array.of(1, 2, 3)

/** Puts options between header and payload. */
function withOptions(options: number[], protocol = PROTOCOL): Uint8Array {
  const bytes = packet({ ...fields, protocol }, Uint8Array.from([...options, ...data]))
  const view = new DataView(bytes.buffer)
  bytes[0] = 0x45 + options.length / 4
  view.setUint16(10, 0)
  let sum = 0
  for (let i = 0; i < 20 + options.length; i += 2) sum += view.getUint16(i)
  view.setUint16(10, ~((sum & 0xffff) + (sum >>> 16)))
  return bytes
}

describe('IpInput', () => {
  it('hands a datagram for us to its transport, without the padding of the frame', () => {
    const { heard, feed } = ready()
    const padded = new Uint8Array(60)
    padded.set(packet(fields, data))
    assert.equal(feed(padded), undefined)
    assert.deepEqual(heard, [{ data: [1, 2, 3], broadcast: false }])
  })

  for (const [what, change, reason] of [
    ['a source that is a group', { src: ip('224.0.0.5') }, 'ip-martian-source'],
    ['a source that is a broadcast', { src: ip('255.255.255.255') }, 'ip-martian-source'],
    ["a source that is our network's broadcast", { src: ip('10.0.0.255') }, 'ip-martian-source'],
    ['a loopback source', { src: ip('127.0.0.1') }, 'ip-martian-source'],
    ['no source', { src: ip('0.0.0.0') }, 'ip-martian-source'],
    ['a reserved source', { src: ip('250.1.2.3') }, 'ip-martian-source'],
    ['our own source', { src: US }, 'ip-own-source'],
    ['a loopback destination', { dst: ip('127.0.0.1') }, 'ip-martian-destination'],
    ['no destination', { dst: ip('0.0.0.0') }, 'ip-martian-destination'],
    ['another host', { dst: ip('10.0.0.3') }, 'ip-not-for-us'],
    ['a group we did not join', { dst: ip('239.1.1.1') }, 'ip-not-for-us'],
    ['an unknown protocol', { protocol: 201 }, 'ip-no-protocol'],
  ] as const) {
    it(`refuses ${what}: ${reason}`, () => {
      const { heard, feed } = ready()
      assert.equal(feed(packet({ ...fields, ...change }, data)), reason)
      assert.deepEqual(heard, [])
    })
  }

  it('refuses a wrong header checksum, whatever the link says of the transport checksum', () => {
    const { feed } = ready()
    const bytes = packet(fields, data)
    bytes[8]! ^= 1
    assert.equal(feed(bytes), 'ip-bad-checksum')
    assert.equal(feed(bytes, {}, 'partial'), 'ip-bad-checksum')
    bytes.set([0, 0], 10)
    assert.equal(feed(bytes), 'ip-bad-checksum')
    assert.equal(feed(bytes, {}, 'partial'), undefined, 'an offload may have left both unfinished')
  })

  it('accepts any time to live (RFC 1122 §3.2.1.7)', () => {
    const { heard, feed } = ready()
    for (const ttl of [0, 1, 255]) feed(packet({ ...fields, ttl }, data))
    assert.equal(heard.length, 3)
  })

  it('accepts limited and directed broadcasts and joined groups, and marks them', () => {
    const { stack, heard, feed } = ready()
    const group = ip('239.1.1.1')
    stack.igmp.join(stack.interfaces[1]!, group)
    feed(packet({ ...fields, dst: ip('255.255.255.255') }, data), { dst: MAC_BROADCAST })
    feed(packet({ ...fields, dst: ip('10.0.0.255') }, data), { dst: MAC_BROADCAST })
    feed(packet({ ...fields, dst: group }, data), { dst: multicastMac(group) })
    feed(packet({ ...fields, dst: ip('224.0.0.1') }, data), { dst: multicastMac(ip('224.0.0.1')) })
    assert.deepEqual(
      heard.map((one) => one.broadcast),
      [true, true, true, true],
    )
  })

  it('refuses a unicast address in a link-level broadcast (RFC 1122 §3.3.6)', () => {
    const { feed } = ready()
    assert.equal(feed(packet(fields, data), { dst: MAC_BROADCAST }), 'ip-unicast-in-broadcast')
  })

  it('refuses frames for others, other VLANs, our own come back, and unknown types', () => {
    const { stack, link, feed } = ready()
    assert.equal(feed(packet(fields, data), { dst: 0x020000000077 as MacAddr }), 'ethernet-not-for-us')
    assert.equal(feed(packet(fields, data), { dst: multicastMac(ip('239.9.9.9')) }), 'ethernet-not-for-us')
    assert.equal(feed(packet(fields, data), { vlan: 7 }), 'ethernet-other-vlan')
    assert.equal(feed(packet(fields, data), { src: link.mac }), 'ethernet-own-frame')
    assert.equal(feed(packet(fields, data), { type: 0x88cc }), 'ethernet-unknown-type')
    assert.equal(feed(packet(fields, data), { type: EtherType.IPV6 }), 'ipv6-unsupported')
    assert.equal(feed(packet(fields, data), { vlan: 0xe000 }), undefined, 'VLAN 0 is a priority, not a VLAN')
    stack.setInterfaceUp(stack.interfaces[1]!, false)
    assert.equal(feed(packet(fields, data)), 'interface-down')
  })

  it('hears its own VLAN only', () => {
    const { heard, feed } = ready({ vlan: 7 })
    assert.equal(feed(packet(fields, data), { vlan: 7 }), undefined)
    assert.equal(feed(packet(fields, data)), 'ethernet-other-vlan')
    assert.equal(heard.length, 1)
  })

  it('takes bare packets from an IP-only medium', () => {
    const { heard, feed } = ready({}, 'ip')
    assert.equal(feed(packet(fields, data)), undefined)
    assert.equal(heard.length, 1)
    assert.equal(feed(Uint8Array.of(0x60, 0, 0)), 'ipv6-unsupported')
    assert.equal(feed(Uint8Array.of(0x45)), 'ip-truncated')
    assert.equal(feed(new Uint8Array(0)), 'ip-truncated')
  })

  it('skips options that are harmless and refuses source routes and malformed ones (RFC 9293 MUST-50)', () => {
    const { link, heard, feed } = ready({}, 'ip')
    assert.equal(feed(withOptions([148, 4, 0, 0])), undefined)
    assert.equal(feed(withOptions([1, 1, 1, 0])), undefined)
    assert.equal(feed(withOptions([7, 7, 4, 0, 0, 0, 0, 0])), undefined)
    assert.deepEqual(heard[0]!.data, [1, 2, 3])
    assert.equal(heard.length, 3)
    assert.equal(feed(withOptions([131, 7, 4, 9, 9, 9, 9, 0])), 'ip-source-routed')
    assert.deepEqual(link.take(), [])
    assert.equal(feed(withOptions([1, 68, 9, 5])), 'ip-bad-option')
    const [error] = packetsOf(link.take(), 'ip')
    assert.deepEqual(
      [...error!.bytes.subarray(20, 25)].filter((_, i) => i !== 2 && i !== 3),
      [IcmpType.PARAMETER_PROBLEM, 0, 21],
    )
  })

  it('reports an unfinished datagram whose first fragment came (RFC 1122 §3.3.2)', () => {
    const { link, stack, feed } = ready({}, 'ip')
    const fragment = { ...fields, moreFragments: true, id: 7 }
    feed(packet(fragment, new Uint8Array(16)))
    feed(packet({ ...fragment, id: 8, fragmentOffset: 16 }, new Uint8Array(16)))
    stack.poll(30_000_000 as Micros)
    const errors = packetsOf(link.take(), 'ip')
    assert.equal(errors.length, 1)
    assert.deepEqual([...errors[0]!.bytes.subarray(20, 22)], [IcmpType.TIME_EXCEEDED, 1])
    assert.deepEqual([...errors[0]!.bytes.subarray(32, 34)], [0, 7])
    assert.equal(stack.counters.get('ip-fragment-timeout'), 2)
  })
})
