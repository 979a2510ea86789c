import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Micros, NEVER } from '../../src/base/types.ts'
import { findInterface } from '../../src/driver/interfaces.ts'
import { inNamespace } from '../../src/driver/namespace.ts'
import { openPacketLink } from '../../src/driver/packet.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import type { OutFrame } from '../../src/link/link.ts'
import { type Ends, ip, pattern, tcpFrame, udpFrame } from './frames.ts'
import { createLab, type Lab, labUnavailable } from './netns.ts'

const NOW = 0 as Micros
const SUPER = 60_000
/** What the addon hands over at once, and how many frames at most. */
const BATCH_BYTES = 256 * 1024
const SLOTS = 32

describe('A batch of frames', { skip: labUnavailable() }, () => {
  let lab: Lab
  let ends: Ends
  let from: PortLink
  let to: PortLink

  before(() => {
    lab = createLab({ hosts: ['a', 'b'] })
    lab.veth('a', 'b', { a: '10.0.0.1/24', b: '10.0.0.2/24' })
    const mac = (host: string) => inNamespace(lab.host(host).netns, () => findInterface('eth0').mac)
    ends = { srcMac: mac('a'), dstMac: mac('b'), src: ip('10.0.0.1'), dst: ip('10.0.0.2') }
    const open = (host: string): PortLink =>
      openPacketLink({ interface: 'eth0', netns: lab.host(host).netns, coalesce: false })
    from = open('a')
    to = open('b')
  })
  after(() => {
    from.close()
    to.close()
    lab.close()
  })

  /** Sends frames from one port to another; the batches in which they come, each as the ports of its frames. */
  const pass = (port: number, frames: readonly OutFrame[]): number[][] => {
    for (const frame of frames) assert.equal(from.send(frame, NOW), true)
    from.flush(NOW)
    const batches: number[][] = []
    for (let seen = 0; seen < frames.length && batches.length <= frames.length; ) {
      const batch: number[] = []
      to.receive(NOW, ({ view, start }) => {
        if (view.getUint16(start + 36) === port) batch.push(view.getUint16(start + 34))
      })
      seen += batch.length
      batches.push(batch)
    }
    to.receive(NOW, () => undefined)
    assert.equal(to.pollAt(), NEVER)
    return batches
  }
  const from1 = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

  it('holds no more super-segments than stay in the cache until they are read, and many ordinary frames', () => {
    const large = pattern(SUPER)
    const supers = (port: number, count: number): OutFrame[] =>
      from1(count).map((n) => tcpFrame(ends, [n, port], { bytes: large, segmentSize: 1448 }))
    // The first batch is made for frames whose size nobody knows.
    assert.deepEqual(pass(4000, supers(4000, 2)).flat(), [1, 2])
    const few = pass(4001, supers(4001, 24))
    assert.deepEqual(few.flat(), from1(24), 'each once, in order')
    // What the kernel says now and then may have come with the first.
    assert.ok(few[0]!.length < 10, `${few[0]!.length}`)
    assert.equal(Math.max(...few.slice(1).map(({ length }) => length)), Math.floor(BATCH_BYTES / SUPER))
    const small = from1(60).map((n) => udpFrame(ends, [n, 4002], { bytes: pattern(1000) }))
    const many = pass(4002, small)
    assert.deepEqual(many.flat(), from1(60))
    assert.ok(many.length > 1 && many.some(({ length }) => length >= SLOTS), many.map(({ length }) => length).join())
  })
})
