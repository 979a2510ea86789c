// One operation in a process of its own, so that V8 has seen no other: node one.js '<order>'; prints one line of JSON.
import { MICROS } from './all.ts'
import { measure, type Pace, sink } from './micro.ts'

/** What the process is told to do. */
export interface MicroOrder {
  /** Which of `MICROS`. */
  readonly index: number
  readonly pace: Pace
  /** So many operations after the warming up, and no measuring. */
  readonly count?: number
}

const order: MicroOrder = JSON.parse(process.argv[2] ?? '{}')
const work = await MICROS[order.index]!.prepare()
if (order.count === undefined) console.log(JSON.stringify(await measure(work, order.pace)))
else {
  await measure(work, { ...order.pace, rounds: 0 })
  sink.value += await work(order.count)
}
process.exit(Number.isNaN(sink.value) ? 3 : 0)
