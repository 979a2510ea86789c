import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { addSum, finishSum, pseudoSum } from '../../src/base/checksum.ts'
import { seededRng } from '../../src/base/rng.ts'
import type { Micros } from '../../src/base/types.ts'
import { findInterface } from '../../src/driver/interfaces.ts'
import { inNamespace } from '../../src/driver/namespace.ts'
import { openPacketLink } from '../../src/driver/packet.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import type { OutFrame } from '../../src/link/link.ts'
import { Collector, portOf, type Seen } from './collect.ts'
import { type Ends, ip, tcpFrame, udpFrame } from './frames.ts'
import { createLab, type Lab, labUnavailable } from './netns.ts'

const NOW = 0 as Micros
const FRAMES = 400
const FIRST_PORT = 20_000
const FRAGMENT = 0x2000
const SEED = 20

/** What is done to a frame on its way out. */
const HARMS = ['none', 'payload', 'checksum', 'fragment', 'no checksum'] as const

/** The checksum over a whole UDP datagram or TCP segment and its pseudo-header: 0 where it is right. */
function transportSum({ bytes }: Seen): number {
  const end = 14 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(16)
  return finishSum(addSum(pseudoSum(ip('10.0.0.1'), ip('10.0.0.2'), bytes[23]!, end - 34), bytes, 34, end))
}

describe('A port without virtio-net headers', { skip: labUnavailable() }, () => {
  let lab: Lab
  let ends: Ends
  let whole: PortLink
  let bare: PortLink

  before(() => {
    lab = createLab({ hosts: ['a', 'b'] })
    lab.veth('a', 'b', { a: '10.0.0.3/24', b: '10.0.0.4/24' })
    const [a, b] = ['a', 'b'].map((host) => lab.host(host).netns) as [string, string]
    const mac = (netns: string) => inNamespace(netns, () => findInterface('eth0').mac)
    ends = { srcMac: mac(a), dstMac: mac(b), src: ip('10.0.0.1'), dst: ip('10.0.0.2') }
    whole = openPacketLink({ interface: 'eth0', netns: a, filter: 'none' })
    bare = openPacketLink({ interface: 'eth0', netns: b, filter: 'none', offload: false })
  })
  after(() => {
    whole.close()
    bare.close()
    lab.close()
  })

  /** Sends so many that a receive buffer of any size holds them, and returns those that came, in order. */
  async function pass(from: PortLink, to: PortLink, make: (index: number) => OutFrame): Promise<Seen[]> {
    const collector = new Collector(to)
    const ours = (): Seen[] => collector.frames.filter((frame) => portOf(frame) >= FIRST_PORT)
    for (let i = 0; i < FRAMES; i++) {
      assert.ok(from.send(make(i), NOW))
      from.flush(NOW)
      await collector.until(() => ours().length > i, `frame ${i}`)
    }
    return ours()
  }

  it('says of each frame whether its checksum is right', async () => {
    const rng = seededRng(SEED)
    const seen = await pass(whole, bare, (i) => {
      const harm = HARMS[i % HARMS.length]!
      const payload = { bytes: Uint8Array.from({ length: 8 + (rng() % 1400) }, () => rng()) }
      const frame = udpFrame(ends, [1, FIRST_PORT + i], payload, { complete: true })
      if (harm === 'payload') payload.bytes[rng() % payload.bytes.length]! ^= 1 << (rng() % 8)
      if (harm === 'checksum') frame.view.setUint16(frame.end - 2, frame.view.getUint16(frame.end - 2) ^ 0x100)
      if (harm === 'no checksum') frame.view.setUint16(frame.end - 2, 0)
      if (harm === 'fragment') frame.view.setUint16(frame.start + 20, FRAGMENT)
      return frame
    })
    assert.deepEqual(
      seen.map((frame, i) => [HARMS[i % HARMS.length], frame.checksum]),
      seen.map((_frame, i) => [HARMS[i % HARMS.length], i % HARMS.length === 0 ? 'verified' : 'complete']),
      `seed ${SEED}`,
    )
  })

  it('finishes the checksums of what it sends, whatever pieces that is in', async () => {
    const rng = seededRng(SEED)
    const back = { ...ends, srcMac: ends.dstMac, dstMac: ends.srcMac }
    const seen = await pass(bare, whole, (i) => {
      const bytes = Uint8Array.from({ length: rng() % 1461 }, () => rng())
      const payload = { bytes, cutAt: rng() % (bytes.length + 1) }
      const ports = [1, FIRST_PORT + i] as const
      return i % 2 === 0 ? udpFrame(back, ports, payload) : tcpFrame(back, ports, payload)
    })
    for (const [i, frame] of seen.entries()) {
      assert.equal(transportSum(frame), 0, `frame ${i} of seed ${SEED}`)
    }
  })
})
