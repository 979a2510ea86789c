import type { Ipv4Addr } from '../../src/base/address.ts'
import { below, seededRng } from '../../src/base/rng.ts'
import { type Timed, TimerQueue } from '../../src/base/timer-queue.ts'
import { type Micros, NEVER } from '../../src/base/types.ts'
import { ConnectionTable, type TableEntry } from '../../src/tcp/table.ts'
import type { Micro } from './micro.ts'

const SIZES = [1, 100, 10_000] as const
const LOCAL = 0x0a000001 as Ipv4Addr

class Entry implements TableEntry, Timed {
  readonly local = LOCAL
  readonly localPort = 80
  readonly remote: Ipv4Addr
  readonly remotePort: number
  hashNext: unknown = undefined
  at: Micros = NEVER
  heapIndex = -1

  constructor(index: number) {
    this.remote = (0x0a000002 + (index >>> 10)) as Ipv4Addr
    this.remotePort = 49_152 + (index & 1023)
  }

  pollAt(): Micros {
    return this.at
  }
}

/** Entries in an order that no cache can guess. */
function shuffled(size: number): Entry[] {
  const entries = Array.from({ length: size }, (_, i) => new Entry(i))
  const rng = seededRng(size)
  for (let i = size - 1; i > 0; i--) {
    const j = below(rng, i + 1)
    ;[entries[i], entries[j]] = [entries[j]!, entries[i]!]
  }
  return entries
}

function find(size: number): Micro {
  return {
    layer: 'demultiplexing',
    name: `find one of ${size} connections`,
    prepare: () => {
      const table = new ConnectionTable<Entry>(seededRng(1))
      for (let i = 0; i < size; i++) table.add(new Entry(i))
      const wanted = shuffled(size)
      return (count) => {
        let sum = 0
        for (let i = 0; i < count; i++) {
          const { local, localPort, remote, remotePort } = wanted[i % size]!
          sum += table.find(local, localPort, remote, remotePort)!.remotePort
        }
        return sum
      }
    },
  }
}

/** The next deadline of each is some time after the present, as a retransmission timer's is. */
function timers(
  size: number,
  name: string,
  step: (queue: TimerQueue<Entry>, entry: Entry, now: number) => void,
): Micro {
  return {
    layer: 'deadlines',
    name: `${name}, ${size} connections`,
    prepare: () => {
      const queue = new TimerQueue<Entry>()
      const entries = shuffled(size)
      for (const [i, entry] of entries.entries()) {
        entry.at = (200_000 + i) as Micros
        queue.update(entry)
      }
      let now = 0
      return (count) => {
        for (let i = 0; i < count; i++) {
          now += 10
          step(queue, entries[i % size]!, now)
        }
        return queue.pollAt()
      }
    },
  }
}

const later = (queue: TimerQueue<Entry>, entry: Entry, now: number): void => {
  entry.at = (now + 200_000) as Micros
  queue.update(entry)
  for (let due = queue.takeDue(now as Micros); due !== undefined; due = queue.takeDue(now as Micros)) {
    due.at = (now + 200_000) as Micros
    queue.update(due)
  }
}

const setAndStop = (queue: TimerQueue<Entry>, entry: Entry, now: number): void => {
  entry.at = (now + 40) as Micros
  queue.update(entry)
  entry.at = (now + 200_000) as Micros
  queue.takeDue((now + 50) as Micros)
}

export const TABLES: readonly Micro[] = [
  ...SIZES.map(find),
  ...SIZES.map((size) => timers(size, 'move one later', later)),
  ...SIZES.map((size) => timers(size, 'set one earlier, then later again', setAndStop)),
]
