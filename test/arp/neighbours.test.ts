import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Ipv4Addr, MAC_BROADCAST, type MacAddr } from '../../src/base/address.ts'
import type { Micros } from '../../src/base/types.ts'
import { ArpOperation } from '../../src/wire/arp.ts'
import { host, ip } from '../stack/net.ts'
import { arp, arpsOf, OUR_MAC, PEER_MAC, packetsOf, TestLink } from '../stack/test-link.ts'

const SECOND = 1_000_000
const US = ip('10.0.0.1')
const PEER = ip('10.0.0.2')
const OTHER_MAC = 0x020000000099 as MacAddr
/** Ten seconds after the start announcements are over. */
const at = (seconds: number): Micros => Math.round((10 + seconds) * SECOND) as Micros

/** A stack whose announcements are over. */
function ready(mtu = 1500) {
  const link = new TestLink()
  link.mtu = mtu
  const stack = host(link, '10.0.0.1/24')
  stack.poll(at(-10))
  stack.poll(at(-8))
  link.take()
  const iface = stack.interfaces[1]!
  /** Sends an echo request of `size` bytes with `seq`. */
  const send = (seq: number, now: Micros, dst: Ipv4Addr = PEER, size = 8) => {
    const echo = { ttl: 64, tos: 0, dontFragment: false }
    return stack.icmp.sendEcho(stack.ip.route(dst)!, 1, seq, new Uint8Array(size), echo, now)
  }
  const hear = (fields: Parameters<typeof arp>[0], now: Micros, options = {}) => {
    link.feed(arp(fields, options))
    stack.poll(now)
  }
  const reply = { operation: ArpOperation.REPLY, senderMac: PEER_MAC, senderIp: PEER, targetMac: OUR_MAC, targetIp: US }
  const request = { operation: ArpOperation.REQUEST, senderMac: PEER_MAC, senderIp: PEER, targetIp: US }
  const state = (now: Micros) => iface.neighbourList(now).find((row) => row.ip === PEER)?.state
  const seqs = () => packetsOf(link.take()).map((header) => header.bytes[27])
  return { link, stack, iface, send, hear, reply, request, state, seqs }
}

describe('Neighbours', () => {
  it('asks by broadcast, keeps the packets in order and sends them when the answer comes', () => {
    const { link, send, hear, reply, state, seqs } = ready()
    for (const seq of [1, 2, 3]) send(seq, at(0))
    const [ask, ...rest] = arpsOf(link.take())
    assert.equal(rest.length, 0)
    assert.deepEqual(
      [ask!.operation, ask!.to, ask!.senderMac, ask!.senderIp, ask!.targetIp],
      [ArpOperation.REQUEST, MAC_BROADCAST, OUR_MAC, US, PEER],
    )
    assert.equal(state(at(0)), 'INCOMPLETE')
    hear(reply, at(0.5))
    assert.equal(state(at(0.5)), 'REACHABLE')
    assert.deepEqual(seqs(), [1, 2, 3])
  })

  it('asks three times a second apart, then reports EHOSTUNREACH, and asks anew for the next packet', () => {
    const { link, stack, send, state } = ready()
    const errors: number[] = []
    const id = stack.icmp.echoes.open({ onReply() {}, onError: (error) => errors.push(error.dstPort) })!
    const echo = { ttl: 64, tos: 0, dontFragment: false }
    for (const seq of [5, 6]) stack.icmp.sendEcho(stack.ip.route(PEER)!, id, seq, new Uint8Array(8), echo, at(0))
    for (const [seconds, asks] of [
      [0, 1],
      [0.9, 0],
      [1, 1],
      [2, 1],
      [2.9, 0],
    ] as const) {
      stack.poll(at(seconds))
      assert.equal(arpsOf(link.take()).length, asks, `at ${seconds} s`)
    }
    assert.equal(stack.pollAt(), at(3))
    stack.poll(at(3))
    assert.deepEqual(errors, [5, 6])
    assert.equal(state(at(3)), 'FAILED')
    send(7, at(3))
    assert.equal(arpsOf(link.take()).length, 1)
  })

  it('doubles the pause between requests with every round that fails, up to four seconds', () => {
    const { stack, send } = ready()
    const ends: number[] = []
    let now = 0
    for (let round = 0; round < 4; round++) {
      send(round, at(now))
      const from = now
      for (let i = 0; i < 3; i++) {
        now = stack.pollAt() / SECOND - 10
        stack.poll(at(now))
      }
      ends.push(now - from)
    }
    assert.deepEqual(ends, [3, 6, 12, 12])
  })

  it('keeps the first packet and the newest when too many wait', () => {
    const { stack, send, hear, reply, seqs } = ready()
    for (let seq = 0; seq < 100; seq++) send(seq, at(0))
    hear(reply, at(0.1))
    assert.deepEqual(seqs(), [0, ...Array.from({ length: 63 }, (_, i) => 37 + i)])
    assert.equal(stack.counters.get('arp-queue-full'), 36)
  })

  it('bounds the queue in bytes', () => {
    const { stack, link, send, hear, reply } = ready(9000)
    for (let seq = 0; seq < 8; seq++) send(seq, at(0), PEER, 60_000)
    hear(reply, at(0.1))
    const bytes = packetsOf(link.take()).reduce((sum, header) => sum + header.totalLen, 0)
    assert.ok(bytes <= 256 * 1024 && bytes > 200_000)
    assert.ok(stack.counters.get('arp-queue-full') > 0)
  })

  it('re-validates a silent neighbour by asking it alone while packets flow', () => {
    const { link, stack, send, hear, reply, state } = ready()
    hear(reply, at(0))
    assert.equal(state(at(29)), undefined, 'an answer nobody asked for creates nothing')
    send(1, at(0))
    hear(reply, at(0))
    assert.equal(state(at(29)), 'REACHABLE')
    assert.equal(state(at(30)), 'STALE')
    link.take()
    send(2, at(31))
    const frames = link.take()
    assert.deepEqual(
      arpsOf(frames).map((header) => header.to),
      [PEER_MAC],
    )
    assert.equal(packetsOf(frames).length, 1)
    assert.equal(state(at(31)), 'PROBE')
    hear(reply, at(31.2))
    assert.equal(state(at(31.2)), 'REACHABLE')
    assert.equal(arpsOf(link.take()).length, 0)
    stack.poll(at(40))
    assert.equal(arpsOf(link.take()).length, 0)
  })

  it('forgets an address that no longer answers and asks all for the new one', () => {
    const { link, stack, send, hear, reply, state } = ready()
    send(1, at(0))
    hear(reply, at(0))
    send(2, at(31))
    for (const seconds of [32, 33, 34]) stack.poll(at(seconds))
    assert.equal(state(at(34)), 'FAILED')
    link.take()
    send(3, at(34))
    assert.deepEqual(
      arpsOf(link.take()).map((header) => header.to),
      [MAC_BROADCAST],
    )
    hear({ ...reply, senderMac: OTHER_MAC }, at(34.1))
    assert.equal(packetsOf(link.take()).length, 1)
  })

  it('answers requests for its own address and learns the asker (RFC 826)', () => {
    const { link, hear, request, state } = ready()
    hear(request, at(0))
    const [answer] = arpsOf(link.take())
    assert.deepEqual(
      [answer!.operation, answer!.to, answer!.senderMac, answer!.senderIp, answer!.targetMac, answer!.targetIp],
      [ArpOperation.REPLY, PEER_MAC, OUR_MAC, US, PEER_MAC, PEER],
    )
    assert.equal(state(at(0)), 'REACHABLE')
  })

  it('answers a probe without learning from it (RFC 5227 §2.1.1)', () => {
    const { link, iface, hear, request } = ready()
    hear({ ...request, senderIp: 0 as Ipv4Addr }, at(0))
    assert.equal(arpsOf(link.take()).length, 1)
    assert.deepEqual(iface.neighbourList(at(0)), [])
  })

  it('learns nothing from talk between others, but updates whom it knows', () => {
    const { iface, send, hear, reply, request } = ready()
    hear({ ...request, targetIp: ip('10.0.0.7') }, at(0))
    assert.deepEqual(iface.neighbourList(at(0)), [])
    send(1, at(0))
    hear(reply, at(0))
    hear({ ...request, senderMac: OTHER_MAC, targetIp: ip('10.0.0.7') }, at(1))
    assert.equal(iface.neighbourList(at(1))[0]!.mac, OTHER_MAC)
  })

  it('refuses senders that cannot be one', () => {
    const { stack, iface, hear, request } = ready()
    hear({ ...request, senderMac: MAC_BROADCAST }, at(0))
    hear({ ...request, senderMac: 0 as MacAddr }, at(0))
    hear({ ...request, senderIp: ip('224.0.0.1') }, at(0))
    hear({ ...request, senderIp: ip('255.255.255.255') }, at(0))
    assert.equal(stack.counters.get('arp-bad-sender'), 4)
    assert.deepEqual(iface.neighbourList(at(0)), [])
  })

  it('is silent and unclaimed on a shared address', () => {
    const link = new TestLink()
    const stack = host(link, '10.0.0.1/24', { shared: true })
    link.feed(arp({ operation: ArpOperation.REQUEST, senderMac: PEER_MAC, senderIp: PEER, targetIp: US }))
    stack.poll(at(0))
    stack.poll(at(3))
    assert.deepEqual(link.take(), [])
  })

  it('stays bounded under a flood of askers and keeps busy and awaited neighbours', () => {
    const { stack, iface, send, hear, reply, request } = ready()
    send(1, at(0))
    hear(reply, at(0))
    send(2, at(1), ip('10.0.0.3'))
    for (let i = 0; i < 5000; i++) {
      hear({ ...request, senderIp: (ip('10.9.0.0') + i) as Ipv4Addr }, at(1.5))
    }
    const rows = iface.neighbourList(at(1.5))
    assert.equal(rows.length, 1024)
    assert.ok(rows.some((row) => row.ip === PEER))
    assert.ok(rows.some((row) => row.ip === ip('10.0.0.3') && row.queued === 1))
    assert.equal(stack.counters.get('arp-cache-full'), 0)
  })
})

describe('AddressClaims', () => {
  it('announces each address twice, two seconds apart (RFC 5227 §2.3)', () => {
    const link = new TestLink()
    const stack = host(link, '10.0.0.1/24')
    const heard = [-10, -9, -8, -7, -6, -1].map((seconds) => {
      stack.poll(at(seconds))
      return arpsOf(link.take()).map((header) => [header.operation, header.senderIp, header.targetIp, header.to])
    })
    const announcement = [[ArpOperation.REQUEST, US, US, MAC_BROADCAST]]
    assert.deepEqual(heard, [announcement, [], announcement, [], [], []])
    assert.equal(stack.pollAt(), Number.POSITIVE_INFINITY)
  })

  it('reports a conflict with both addresses and defends at most every ten seconds (RFC 5227 §2.4)', () => {
    const { link, stack, hear, request } = ready()
    const conflicts: [Ipv4Addr, MacAddr, MacAddr, boolean][] = []
    stack.onConflict = (_iface, { ip, ours, theirs, defended }) => conflicts.push([ip, ours, theirs, defended])
    const claim = { ...request, senderIp: US, senderMac: OTHER_MAC }
    for (const seconds of [0, 5, 10]) hear(claim, at(seconds), { src: OTHER_MAC })
    assert.deepEqual(
      conflicts,
      [true, false, true].map((defended) => [US, OUR_MAC, OTHER_MAC, defended]),
    )
    assert.equal(arpsOf(link.take()).length, 2)
  })
})
