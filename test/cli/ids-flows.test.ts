import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Flows } from '../../src/cli/ids/flows.ts'
import { Observation } from '../../src/cli/ids/observation.ts'
import { A, arp, B, icmp, ip, ipv4, ipv6, tcp, udp, udpDatagram } from '../wire/build.ts'
import { packetOf } from './ids-watch.ts'

function flowsOf(frames: readonly Uint8Array[]): Flows {
  const flows = new Flows()
  const seen = new Observation()
  frames.forEach((frame, i) => {
    seen.load(packetOf(frame, i * 100))
    flows.onPacket(seen)
  })
  return flows
}

const out = (flags: number, data = 0): Uint8Array => tcp({ flags, data: new Uint8Array(data) })
const back = (flags: number): Uint8Array => tcp({ src: B, dst: A, srcPort: 8888, dstPort: 40000, flags })
const stateAfter = (...frames: readonly Uint8Array[]): string => flowsOf(frames).top(1)[0]!.state

describe('Flows', () => {
  it('joins both directions and counts packets, bytes and age', () => {
    const frames = [udp({}), udp({ src: B, dst: A, srcPort: 6000, dstPort: 5000 }), udp({})]
    const flows = flowsOf(frames)
    assert.equal(flows.size, 1)
    const [flow] = flows.top(1)
    assert.deepEqual([flow!.src, flow!.srcPort, flow!.dst, flow!.dstPort], [A, 5000, B, 6000])
    assert.deepEqual([flow!.packets, flow!.bytes, flow!.state], [3, 126, 'both ways'])
    assert.equal(flow!.lastMs - flow!.firstMs, 200)
  })

  it('tells the state of a connection', () => {
    assert.equal(stateAfter(out(0x02)), 'syn sent')
    assert.equal(stateAfter(out(0x02), back(0x12)), 'syn received')
    assert.equal(stateAfter(out(0x02), back(0x12), out(0x10)), 'established')
    assert.equal(stateAfter(out(0x10, 5)), 'established')
    assert.equal(stateAfter(out(0x10), out(0x11)), 'closing')
    assert.equal(stateAfter(out(0x10), out(0x11), back(0x10)), 'closing')
    assert.equal(stateAfter(out(0x10), out(0x11), back(0x11), out(0x10)), 'closed')
    assert.equal(stateAfter(out(0x10), back(0x14)), 'reset')
    assert.equal(stateAfter(out(0x10), back(0x14), out(0x10)), 'reset')
    assert.equal(stateAfter(out(0x10), back(0x14), out(0x02)), 'syn sent')
    assert.equal(stateAfter(icmp({ type: 8 })), 'one way')
  })

  it('keeps flows of other protocols and of IPv6, and none of ARP', () => {
    const v6 = ipv6(17, udpDatagram({}), '20010db8000000000000000000000001', '20010db8000000000000000000000002')
    const flows = flowsOf([icmp({ type: 8 }), ipv4(99, new Uint8Array(3)), v6, arp({})])
    assert.deepEqual(
      flows.top(10).map((flow) => flow.protocol),
      [17, 1, 99],
    )
    assert.equal(flows.top(1)[0]!.src, '2001:db8::1')
  })

  it('shows the largest first, and forgets the oldest beyond its bound', () => {
    const seen = new Observation()
    const flows = new Flows()
    for (let i = 0; i < 70_000; i++) {
      seen.load(packetOf(udp({ src: ip(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`) }), i))
      flows.onPacket(seen)
    }
    assert.equal(flows.size, 65_536)
    assert.equal(flows.total, 70_000)
    seen.load(packetOf(udp({ data: new Uint8Array(1000) }), 70_000))
    flows.onPacket(seen)
    assert.equal(flows.top(1)[0]!.src, A)
  })
})
