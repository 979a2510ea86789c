import { type Seq, seqAdd } from '../../src/base/seq.ts'
import type { Micros } from '../../src/base/types.ts'
import { Reassembly } from '../../src/tcp/receive/reassembly.ts'
import { RangePool } from '../../src/tcp/recovery/range-pool.ts'
import { type DeliveryWatcher, Scoreboard } from '../../src/tcp/recovery/scoreboard.ts'
import type { Micro } from './micro.ts'

const MSS = 1448
const FLIGHT = 64
const NOW = 1 as Micros

/** A segment opens a hole, so many come behind it, and it is filled: time for each of these. */
function reassembly(behind: number): Micro {
  return {
    layer: 'reassembly',
    name: `a hole with ${behind} segments behind it, each`,
    prepare: () => {
      const store = new Reassembly()
      const blocks = new Int32Array(8)
      let next = 0 as Seq
      return (count) => {
        let sum = 0
        for (let done = 0; done < count; done += behind) {
          let at = seqAdd(next, MSS)
          for (let i = 0; i < behind; i++, at = seqAdd(at, MSS)) {
            store.add(at, seqAdd(at, MSS))
            sum += store.sackBlocks(blocks, 3, true)
          }
          next = store.advance(seqAdd(next, MSS))
        }
        return sum + next
      }
    },
  }
}

/** Every second segment is missing and comes later. */
function holes(number: number): Micro {
  return {
    layer: 'reassembly',
    name: `${number} holes, every second segment missing, each`,
    prepare: () => {
      const store = new Reassembly()
      let next = 0 as Seq
      return (count) => {
        for (let done = 0; done < count; done += number) {
          const begin = next
          for (let i = 0; i < number; i++) {
            const at = seqAdd(begin, (2 * i + 1) * MSS)
            store.add(at, seqAdd(at, MSS))
          }
          for (let i = 0; i < number; i++) next = store.advance(seqAdd(next, MSS))
        }
        return next
      }
    },
  }
}

class Deliveries implements DeliveryWatcher {
  octets = 0
  onDelivered({ start, end }: { readonly start: Seq; readonly end: Seq }): void {
    this.octets += (end - start) | 0
  }
}

/** So many segments are sent, `work` tells what of them arrives, and all are acknowledged: time for each segment. */
function scoreboard(name: string, work: (board: Scoreboard, una: Seq, watcher: Deliveries) => void): Micro {
  return {
    layer: 'scoreboard',
    name,
    prepare: () => {
      const board = new Scoreboard(0 as Seq, new RangePool())
      const watcher = new Deliveries()
      let una = 0 as Seq
      return (count) => {
        for (let done = 0; done < count; done += FLIGHT) {
          for (let i = 0; i < FLIGHT; i++) board.sent(seqAdd(una, i * MSS), seqAdd(una, (i + 1) * MSS), NOW)
          work(board, una, watcher)
          una = seqAdd(una, FLIGHT * MSS)
          board.acknowledge(una, watcher)
        }
        return watcher.octets
      }
    },
  }
}

export const RECOVERY: readonly Micro[] = [
  reassembly(1),
  reassembly(64),
  holes(64),
  scoreboard('sent and acknowledged two at a time', (board, una, watcher) => {
    for (let i = 2; i < FLIGHT; i += 2) board.acknowledge(seqAdd(una, i * MSS), watcher)
  }),
  scoreboard('sent, the first lost, the others sacked two at a time', (board, una, watcher) => {
    for (let i = 3; i <= FLIGHT; i += 2) board.sack(seqAdd(una, MSS), seqAdd(una, i * MSS), MSS, watcher)
  }),
]
