import { below, seededRng } from '../../src/base/rng.ts'
import { send } from '../../src/tcp/user.ts'
import type { Micro } from './micro.ts'
import { Rig, Taker } from './rig.ts'

const MSS = 1448
const COUNTS = [1, 100, 1000, 10_000] as const

/** All connections in turn send one segment, which is taken and acknowledged at once: both ends together. */
function active(connections: number): Micro {
  return {
    layer: 'active connections',
    name: `a segment and its ACK, both ends, one of ${connections}`,
    bytes: MSS,
    prepare: () => {
      const rig = new Rig({ offload: true }, { delayedAck: 0 })
      const pairs = Array.from({ length: connections }, () => rig.connect())
      const takers = pairs.map(([, b]) => new Taker(b, rig.b.machine))
      const rng = seededRng(1)
      for (let i = connections - 1; i > 0; i--) {
        const j = below(rng, i + 1)
        ;[pairs[i], pairs[j]] = [pairs[j]!, pairs[i]!]
      }
      const chunk = new Uint8Array(MSS).fill(1)
      let turn = 0
      return (count) => {
        for (let i = 0; i < count; i++) {
          send(pairs[turn]![0], chunk, 0)
          rig.step()
          // The ACK that was put off is due at once.
          rig.step()
          turn = turn + 1 === connections ? 0 : turn + 1
        }
        return takers[0]!.bytes
      }
    },
  }
}

export const CONNECTIONS: readonly Micro[] = COUNTS.map(active)
