import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Ipv4Addr } from '../../src/base/address.ts'
import { below, seededRng } from '../../src/base/rng.ts'
import type { Micros } from '../../src/base/types.ts'
import { openUdp } from '../../src/stack/udp-socket.ts'
import { ArpOperation } from '../../src/wire/arp.ts'
import { EtherType } from '../../src/wire/ethernet.ts'
import { IcmpHeader, IcmpType, writeIcmpChecksum } from '../../src/wire/icmp.ts'
import { host, ip } from './net.ts'
import { arp, ethernet, PEER_MAC, packet, TestLink, udp } from './test-link.ts'

const US = ip('10.0.0.1')
const PEER = ip('10.0.0.2')
const MUTANTS = 20_000

function icmp(type: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + data.length)
  Object.assign(new IcmpHeader(), { type, id: 1, seq: 1 }).write(new DataView(bytes.buffer), 0)
  bytes.set(data, 8)
  writeIcmpChecksum(bytes, 0, bytes.length)
  return bytes
}

/** One well-formed frame of each kind the stack knows. */
function specimens(): Uint8Array[] {
  const from = { src: PEER, dst: US }
  const own = packet({ src: US, dst: PEER, protocol: 17 }, udp(US, 53, PEER, 9, new Uint8Array(8)))
  const datagram = udp(PEER, 9, US, 53, new Uint8Array(64))
  const packets = [
    packet({ ...from, protocol: 17 }, datagram),
    packet({ ...from, protocol: 17, moreFragments: true, id: 1 }, datagram),
    packet({ ...from, protocol: 17, fragmentOffset: 72, id: 1 }, datagram),
    packet({ ...from, protocol: 17, dst: ip('10.0.0.255') }, datagram),
    packet({ ...from, protocol: 1 }, icmp(IcmpType.ECHO_REQUEST, new Uint8Array(56))),
    packet({ ...from, protocol: 1 }, icmp(IcmpType.ECHO_REPLY, new Uint8Array(56))),
    packet({ ...from, protocol: 1 }, icmp(IcmpType.UNREACHABLE, own)),
    packet({ ...from, protocol: 1 }, icmp(IcmpType.TIME_EXCEEDED, own)),
    packet({ ...from, protocol: 2 }, Uint8Array.of(0x11, 100, 0xee, 0x9b, 0, 0, 0, 0)),
    packet({ ...from, protocol: 99 }, datagram),
  ]
  const asks = { operation: ArpOperation.REQUEST, senderMac: PEER_MAC, senderIp: PEER, targetIp: US }
  return [...packets.map((bytes) => ethernet(bytes, EtherType.IPV4)), arp(asks), arp({ ...asks, operation: 2 })]
}

/** A host with a socket, and the frame counts that must add up. */
function target() {
  const link = new TestLink()
  const stack = host(link, '10.0.0.1/24')
  const socket = openUdp(stack, { port: 53 })
  socket.join('239.1.1.1')
  const feed = (bytes: Uint8Array, now: number, segmentSize = 0) => {
    link.feed(bytes, segmentSize > 0 ? 'partial' : 'complete', segmentSize)
    stack.poll(now as Micros)
    link.take()
  }
  const check = () => {
    assert.ok(stack.ipInput.reassembly.bytes <= 4 * 1024 * 1024)
    assert.ok(stack.interfaces[1]!.neighbours!.size <= 1024)
    assert.ok(Object.keys(stack.counters.toJSON()).length < 100)
  }
  return { stack, feed, check }
}

describe('Stack under hostile input', () => {
  it('survives random bytes', () => {
    const { feed, check } = target()
    let now = 0
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(1_000_000), (bytes, pause) => {
        now += pause
        feed(bytes, now)
      }),
      { numRuns: 2000 },
    )
    check()
  })

  it('survives mutated and cut frames of every kind it knows', () => {
    const { stack, feed, check } = target()
    const rng = seededRng(20260101)
    const frames = specimens()
    let now = 0
    for (let i = 0; i < MUTANTS; i++) {
      const bytes = frames[below(rng, frames.length)]!.slice()
      for (let flips = below(rng, 5); flips > 0; flips--) bytes[below(rng, bytes.length)] = below(rng, 256)
      const end = below(rng, 4) === 0 ? below(rng, bytes.length + 1) : bytes.length
      // A repaired IP checksum lets the damage reach the layers above.
      if (end > 34 && below(rng, 2) === 0) repair(bytes)
      now += below(rng, 100_000)
      feed(bytes.slice(0, end), now, below(rng, 8) === 0 ? below(rng, 100) : 0)
    }
    check()
    const reasons = Object.keys(stack.counters.toJSON())
    for (const reason of ['ip-bad-checksum', 'udp-bad-checksum', 'icmp-bad-checksum', 'arp-bad-hardware']) {
      assert.ok(reasons.includes(reason), `${reason} is not among ${reasons.join(' ')}`)
    }
  })

  it('still answers after floods of fragments, askers and unknown ports', () => {
    const { stack, feed, check } = target()
    const rng = seededRng(7)
    for (let i = 0; i < 20_000; i++) {
      const src = (0x0a000003 + below(rng, 60_000)) as Ipv4Addr
      if (i % 3 === 0) {
        const fields = {
          src,
          dst: US,
          protocol: 17,
          id: below(rng, 65536),
          moreFragments: true,
          fragmentOffset: 8 * below(rng, 8000),
        }
        feed(ethernet(packet(fields, new Uint8Array(1024)), EtherType.IPV4), i)
      } else if (i % 3 === 1) {
        feed(arp({ operation: 1, senderMac: PEER_MAC, senderIp: src, targetIp: US }), i)
      } else {
        feed(ethernet(packet({ src, dst: US, protocol: 17 }, udp(src, 1, US, 2, new Uint8Array(9))), EtherType.IPV4), i)
      }
    }
    check()
    const before = stack.interfaces[1]!.txFrames
    feed(arp({ operation: 1, senderMac: PEER_MAC, senderIp: PEER, targetIp: US }), 1e9)
    feed(ethernet(packet({ src: PEER, dst: US, protocol: 1 }, icmp(8, new Uint8Array(8))), EtherType.IPV4), 1e9)
    assert.ok(stack.interfaces[1]!.txFrames >= before + 2)
  })
})

/** Makes the checksum of the IP header right again. */
function repair(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer)
  view.setUint16(24, 0)
  let sum = 0
  for (let at = 14; at < 34; at += 2) sum += view.getUint16(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  view.setUint16(24, ~sum)
}
