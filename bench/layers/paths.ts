import { ReceiveInto } from '../../src/tcp/receive/receive-call.ts'
import type { Tcb } from '../../src/tcp/tcb.ts'
import { send } from '../../src/tcp/user.ts'
import { TcpFlag } from '../../src/wire/tcp.ts'
import type { Micro, Work } from './micro.ts'
import { Replay, record } from './replay.ts'
import { Rig, Taker } from './rig.ts'

const MSS = 1448
/** As many whole segments as one frame has room for. */
const SUPER = 44 * MSS
/** Frames of one turn, where they are small. */
const TURN = 16
const WRITE = 256 * 1024
const WARM_WRITES = 8

/** A connection with so much in its send buffer, its link cut. */
function filled(offload: boolean, length: number): { rig: Rig; tcb: Tcb } {
  const rig = new Rig({ offload })
  const [tcb] = rig.connect()
  rig.tapA.isCut = true
  send(tcb, new Uint8Array(length).fill(1), 0)
  return { rig, tcb }
}

/** From the segment to the link: headers, route and neighbour, and what the link leaves to be done. */
function segmentOut(name: string, length: number, offload: boolean): Micro {
  return {
    layer: 'send path',
    name: `${name} into a link that ${offload ? 'finishes and cuts' : 'leaves it to us'}`,
    bytes: length,
    prepare: () => {
      const { rig, tcb } = filled(offload, length)
      const { sender } = rig.a.machine
      const at = tcb.bufferSeq
      return (count) => {
        for (let i = 0; i < count; i++) sender.send(tcb, at, length, TcpFlag.ACK, rig.now)
        return rig.tapA.sentBytes
      }
    },
  }
}

/** Segments of one stream come in as from the wire, are taken at once and acknowledged. */
function segmentsIn(name: string, length: number, verified: boolean, isWaiting = false): Micro {
  const turn = length > MSS ? 1 : TURN
  return {
    layer: 'receive path',
    name,
    bytes: length,
    prepare: () => {
      const rig = new Rig({ offload: length > MSS })
      const [a, b] = rig.connect()
      const taker = new Taker(b, rig.b.machine)
      const chunk = new Uint8Array(length).fill(1)
      // Then the congestion window lets all of it go in one frame.
      for (let i = 0; i < WARM_WRITES; i++) {
        send(a, new Uint8Array(WRITE), 0)
        rig.until(() => a.flightSize === 0 && a.unsent === 0)
      }
      const seen = record(rig.tapB)
      const end = b.stats.bytesReceived + length
      send(a, chunk, 0)
      rig.until(() => b.stats.bytesReceived === end)
      const replay = new Replay(seen.frame!, length, verified ? 'verified' : 'complete')
      rig.tapB.isCut = true
      rig.tapB.feed = (onFrame) => {
        for (let i = 0; i < turn; i++) onFrame(replay.next())
      }
      const call = new ReceiveInto()
      const memory = new Uint8Array(turn * length)
      if (isWaiting) b.receiveCall = call
      return inTurns(turn, () => {
        if (isWaiting) call.begin(memory)
        const before = b.stats.bytesReceived
        rig.b.stack.poll(rig.now)
        rig.now = (rig.now + 10) as typeof rig.now
        const came = b.stats.bytesReceived - before
        if (came !== turn * length) throw new Error(`${came} bytes were taken of ${turn * length}`)
        return isWaiting ? call.filled : taker.bytes
      })
    },
  }
}

const inTurns =
  (turn: number, poll: () => number): Work =>
  (count) => {
    let sum = 0
    for (let i = 0; i < count; i += turn) sum += poll()
    return sum
  }

/** A whole transfer on a cable in memory: written, sent, taken, delivered and acknowledged, for each segment. */
function transfer(offload: boolean): Micro {
  return {
    layer: 'transfer',
    name: `${offload ? 'super-segments' : 'MTU frames'}, both ends, each 1448 bytes`,
    bytes: MSS,
    prepare: () => {
      const rig = new Rig({ offload })
      const [a, b] = rig.connect()
      const taker = new Taker(b, rig.b.machine)
      const chunk = new Uint8Array(WRITE).fill(1)
      return (count) => {
        const end = b.stats.bytesReceived + count * MSS
        while (b.stats.bytesReceived < end) {
          send(a, chunk, 0)
          rig.step()
        }
        return taker.bytes
      }
    },
  }
}

export const PATHS: readonly Micro[] = [
  segmentOut('an ACK', 0, true),
  segmentOut('an ACK', 0, false),
  segmentOut('an MTU frame', MSS, true),
  segmentOut('an MTU frame', MSS, false),
  segmentOut('a super-segment of 44', SUPER, true),
  segmentOut('a super-segment of 44', SUPER, false),
  segmentsIn('an MTU frame, verified by the link', MSS, true),
  segmentsIn('an MTU frame, verified here', MSS, false),
  segmentsIn('a super-segment of 44, verified by the link', SUPER, true),
  segmentsIn('the same into memory that waits', SUPER, true, true),
  segmentsIn('a super-segment of 44, verified here', SUPER, false),
  transfer(true),
  transfer(false),
]
