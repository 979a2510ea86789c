// One operation in a process of its own, so that V8 has seen no other: node one.js '<order>'; prints one line of JSON.
import { MICROS } from './all.ts'
import { measure, type Pace, prepared, sink } from './micro.ts'

/** What the process is told to do. */
export interface MicroOrder {
  /** Which of `MICROS`. */
  readonly index: number
  readonly pace: Pace
  /** So many operations after the warming up, and no measuring. */
  readonly count?: number
}

const order: MicroOrder = JSON.parse(process.argv[2] ?? '{}')
const ready = await prepared(MICROS[order.index]!)
if (order.count === undefined) console.log(JSON.stringify(await measure(ready, order.pace)))
else {
  await measure(ready, { ...order.pace, rounds: 0 })
  sink.value += await ready.work(order.count)
}
process.exit(Number.isNaN(sink.value) ? 3 : 0)
