import { bindUdp } from '../../src/stack/udp-bind.ts'
import type { UdpEndpoint } from '../../src/udp/endpoint.ts'
import type { Micro } from './micro.ts'
import { Replay, record } from './replay.ts'
import { ADDRESS_B, Rig } from './rig.ts'

const LENGTH = 1400
const TURN = 16
const PORT = 9

function endpoints(): { rig: Rig; a: UdpEndpoint; b: UdpEndpoint } {
  const rig = new Rig({ offload: true })
  const a = bindUdp(rig.a.stack, { sendBuffer: 1 << 20 }).endpoint
  const b = bindUdp(rig.b.stack, { port: PORT, receiveBuffer: 1 << 20 }).endpoint
  rig.connect()
  return { rig, a, b }
}

const sending: Micro = {
  layer: 'UDP',
  name: `send ${LENGTH} bytes`,
  bytes: LENGTH,
  prepare: () => {
    const { rig, a } = endpoints()
    rig.tapA.isCut = true
    const data = new Uint8Array(LENGTH).fill(1)
    return (count) => {
      for (let i = 0; i < count; i += TURN) {
        for (let j = 0; j < TURN; j++) rig.a.stack.udp.send(a, data, ADDRESS_B, PORT)
        rig.a.stack.poll(rig.now)
      }
      return rig.tapA.sentBytes
    }
  },
}

const receiving = (verified: boolean): Micro => ({
  layer: 'UDP',
  name: `receive ${LENGTH} bytes, verified ${verified ? 'by the link' : 'here'}`,
  bytes: LENGTH,
  prepare: () => {
    const { rig, a, b } = endpoints()
    const seen = record(rig.tapB)
    rig.a.stack.udp.send(a, new Uint8Array(LENGTH).fill(1), ADDRESS_B, PORT)
    rig.until(() => seen.frame !== undefined && b.read() !== undefined)
    const replay = new Replay(seen.frame!, LENGTH, verified ? 'verified' : 'complete')
    rig.tapB.feed = (onFrame) => {
      for (let i = 0; i < TURN; i++) onFrame(replay.next())
    }
    return (count) => {
      let sum = 0
      const before = rig.b.stack.udp.rxDatagrams
      for (let i = 0; i < count; i += TURN) {
        rig.b.stack.poll(rig.now)
        for (let message = b.read(); message !== undefined; message = b.read()) sum += message.data[0]!
      }
      if (rig.b.stack.udp.rxDatagrams - before < count) throw new Error('datagrams were refused')
      return sum
    }
  },
})

export const DATAGRAMS: readonly Micro[] = [sending, receiving(true), receiving(false)]
