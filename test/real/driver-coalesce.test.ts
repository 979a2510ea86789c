import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { checksum } from '../../src/base/checksum.ts'
import { seededRng } from '../../src/base/rng.ts'
import type { Micros } from '../../src/base/types.ts'
import { findInterface } from '../../src/driver/interfaces.ts'
import { inNamespace } from '../../src/driver/namespace.ts'
import { openPacketLink } from '../../src/driver/packet.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import { HEADROOM, OutFrame } from '../../src/link/link.ts'
import { finishChecksum, Segmenter } from '../../src/link/segment.ts'
import { TcpFlag } from '../../src/wire/tcp.ts'
import { Collector, portOf, type Seen } from './collect.ts'
import { type Ends, ip, pattern, tcpFrame, udpFrame } from './frames.ts'
import { createLab, type Lab, labUnavailable } from './netns.ts'

const NOW = 0 as Micros
const IP = HEADROOM - 20
const TCP = HEADROOM
const BURSTS = 150
const FLOWS = 11
const FIRST_PORT = 20_000
const SEED = 31

/** One sender's stream, with what all of its segments have in common. */
interface Flow {
  readonly port: number
  readonly segmentSize: number
  /** Octets of TCP options: what a data offset of more than five words covers. */
  readonly options: number
  seq: number
  id: number
}

/** What a segment has that those before it have not; each stands in the way of joining it to them, or of others to it. */
const ODDITIES: readonly ((frame: OutFrame) => void)[] = [
  ({ view }) => view.setUint8(TCP + 13, TcpFlag.ACK | TcpFlag.PSH),
  ({ view }) => view.setUint8(TCP + 13, TcpFlag.ACK | TcpFlag.FIN),
  ({ view }) => view.setUint8(TCP + 13, TcpFlag.ACK | TcpFlag.RST),
  ({ view }) => view.setUint8(TCP + 13, TcpFlag.ACK | TcpFlag.URG),
  ({ view }) => view.setUint8(TCP + 13, TcpFlag.ACK | TcpFlag.CWR),
  ({ view }) => view.setUint8(TCP + 13, TcpFlag.ACK | TcpFlag.ECE),
  ({ view }) => view.setUint32(TCP + 4, view.getUint32(TCP + 4) + 1),
  ({ view }) => view.setUint32(TCP + 8, 2001),
  ({ view }) => view.setUint16(TCP + 14, 65534),
  // For somebody else on the link.
  ({ view }) => view.setUint8(IP - 9, view.getUint8(IP - 9) ^ 1),
  ({ view }) => view.setUint8(IP + 1, 2),
  ({ view }) => view.setUint8(IP + 8, 63),
  ({ view }) => view.setUint16(IP + 6, 0),
  ({ view }) => view.setUint16(IP + 6, 0x2000),
  ({ view }) => view.setUint8(TCP + 12, 0x60),
  // What its data begins with is no option of the segment before.
  ({ payload }) => void payload[0]!++,
]

/** The frames that a joined one stands for; any other as it is. */
function apart({ bytes, segmentSize }: Seen): Uint8Array[] {
  if (segmentSize === 0) return [bytes]
  const frame = new OutFrame()
  const headers = 34 + (bytes[46]! >> 4) * 4
  frame.start = IP - 14
  frame.end = frame.start + headers
  frame.bytes.set(bytes.subarray(0, headers), frame.start)
  frame.payload = bytes
  frame.payloadFrom = headers
  frame.payloadTo = bytes.length
  frame.segmentSize = segmentSize
  frame.checksumStart = 34
  frame.checksumOffset = 16
  const segmenter = new Segmenter()
  return Array.from({ length: segmenter.begin(frame, 'ethernet') }, (_, i) => {
    const piece = segmenter.piece(i)
    finishChecksum(piece)
    const one = new Uint8Array(piece.length)
    piece.copyTo(one, 0)
    return one
  })
}

for (const offload of [true, false]) {
  describe(`A port that joins segments, ${offload ? 'with' : 'without'} virtio-net headers`, {
    skip: labUnavailable(),
  }, () => {
    let lab: Lab
    let ends: Ends
    let sender: PortLink
    let joining: PortLink
    let plain: PortLink

    before(() => {
      lab = createLab({ hosts: ['a', 'b'] })
      lab.veth('a', 'b', { a: '10.0.0.3/24', b: '10.0.0.4/24' })
      const [a, b] = ['a', 'b'].map((host) => lab.host(host).netns) as [string, string]
      const mac = (netns: string) => inNamespace(netns, () => findInterface('eth0').mac)
      ends = { srcMac: mac(a), dstMac: mac(b), src: ip('10.0.0.1'), dst: ip('10.0.0.2') }
      sender = openPacketLink({ interface: 'eth0', netns: a, offload: false })
      // More in a batch than one packet can hold.
      joining = openPacketLink({ interface: 'eth0', netns: b, filter: 'none', promiscuous: true, offload, slots: 64 })
      plain = openPacketLink({
        interface: 'eth0',
        netns: b,
        filter: 'none',
        promiscuous: true,
        offload,
        coalesce: false,
      })
    })
    after(() => {
      for (const link of [sender, joining, plain]) link.close()
      lab.close()
    })

    /** The next segment of a flow, which may be an odd one. */
    function segment(flow: Flow, rng: () => number): OutFrame {
      const isShort = rng() % 10 === 0
      const length = isShort ? rng() % flow.segmentSize : flow.segmentSize
      const bytes = new Uint8Array(flow.options + length)
      bytes.fill(1, 0, flow.options)
      bytes.set(pattern(length), flow.options)
      const frame = tcpFrame(ends, [7, flow.port], { bytes })
      const { view } = frame
      view.setUint16(TCP + 12, ((5 + flow.options / 4) << 12) | TcpFlag.ACK)
      view.setUint32(TCP + 4, flow.seq)
      view.setUint16(IP + 4, flow.id)
      if (rng() % 6 === 0) ODDITIES[rng() % ODDITIES.length]!(frame)
      view.setUint16(IP + 10, 0)
      view.setUint16(IP + 10, checksum(frame.bytes, IP, IP + 20) ^ (rng() % 40 === 0 ? 1 : 0))
      // Without the link's help, what stands there is not the checksum.
      if (rng() % 40 === 0) frame.checksumStart = -1
      flow.seq = (flow.seq + length) >>> 0
      flow.id = (flow.id + 1) & 0xffff
      return frame
    }

    it('hands up what another sees segment by segment: the same octets, in each connection in the same order', async () => {
      const rng = seededRng(SEED)
      const flows = Array.from({ length: FLOWS }, (_, i): Flow => {
        return {
          port: FIRST_PORT + i,
          segmentSize: 40 + (rng() % 1380),
          options: 12 * (i % 2),
          seq: rng(),
          id: rng() & 0xffff,
        }
      })
      const [joined, single] = [new Collector(joining), new Collector(plain)]
      for (let burst = 1; burst <= BURSTS; burst++) {
        for (let i = 0; i < 40; i++) {
          // One speaks alone for a while, or all at once.
          const flow = flows[(burst % 3 === 0 ? rng() : burst) % FLOWS]!
          assert.ok(sender.send(segment(flow, rng), NOW))
        }
        assert.ok(sender.send(udpFrame(ends, [7, FIRST_PORT + FLOWS], { bytes: pattern(burst) }), NOW))
        sender.flush(NOW)
        const isLast = (frame: Seen): boolean => portOf(frame) === FIRST_PORT + FLOWS
        const isComplete = (frames: readonly Seen[]): boolean => frames.filter(isLast).length === burst
        await Promise.all([joined, single].map((each) => each.until(isComplete, `burst ${burst} of seed ${SEED}`)))
      }
      for (let port = FIRST_PORT; port <= FIRST_PORT + FLOWS; port++) {
        const of = ({ frames }: Collector): Seen[] => frames.filter((frame) => portOf(frame) === port)
        const message = `port ${port} of seed ${SEED}`
        assert.deepEqual(
          of(joined).flatMap(apart),
          of(single).map(({ bytes }) => bytes),
          message,
        )
      }
      const { length } = joined.frames.filter(({ segmentSize }) => segmentSize > 0)
      assert.ok(length > BURSTS, `${length} joined`)
      assert.ok(joined.frames.every(({ segmentSize, checksum: state }) => segmentSize === 0 || state === 'partial'))
    })

    it('joins no more than a packet may have, and goes on with another', async () => {
      const [joined, single] = [new Collector(joining), new Collector(plain)]
      const flow: Flow = { port: FIRST_PORT, segmentSize: 1400, options: 0, seq: 0xffff_0000, id: 0 }
      for (let i = 0; i < 640; i++) {
        assert.ok(
          sender.send(
            segment(flow, () => 1),
            NOW,
          ),
        )
        if (i % 64 === 63) sender.flush(NOW)
      }
      const octets = (frames: readonly Seen[]): number =>
        frames.filter((frame) => portOf(frame) === FIRST_PORT).flatMap(apart).length
      await Promise.all([joined, single].map((each) => each.until((frames) => octets(frames) === 640, 'all of them')))
      const sizes = joined.frames.map(({ bytes }) => bytes.length)
      assert.ok(Math.max(...sizes) <= 14 + 65_535)
      assert.ok(sizes.length < 320, `${sizes.length} frames`)
    })
  })
}
