// A stack in a thread of its own beside one in the user's: npm run bench -- worker [--quick]
import type { Lab } from '../test/real/netns.ts'
import { readFlags } from './flags.ts'
import type { Attachment } from './result.ts'
import { machine, withRig } from './rig.ts'
import { FULL, measureAll, type Plan, placement, QUICK, type Subject, servePeers } from './round.ts'
import { BULK, MEASUREMENTS, type Measurement } from './rows.ts'
import { WAYS, wakeTime } from './wake.ts'

/** Of the busy user's thread, between two turns of its event loop. */
const BUSY_MS = 10
const VETH = { link: 'packet', interface: 'eth0', host: '10.0.0.2', address: '10.0.0.3/24' } as const

/** What a busy thread still gets done; who waits for it waits for a turn, too. */
const WHEN_BUSY: readonly Measurement[] = [
  ...BULK,
  ...MEASUREMENTS.filter(({ mode, together }) => mode === 'rr' && !together),
]

async function bench(lab: Lab, peer: string, plan: Plan): Promise<void> {
  lab.veth('client', 'peer', { client: '10.0.0.1/24', peer: '10.0.0.2/24' })
  for (const name of ['client', 'peer']) lab.host(name).sysctl('ipv4.tcp_max_tw_buckets', 500)
  await servePeers(lab.host('peer'), peer)
  const subject = (title: string, client: Attachment): Subject => ({ title, at: lab.host('client'), client })
  const both = (busy: number): readonly Subject[] => [
    subject('createStack', { ...VETH, api: 'promises', busy }),
    subject('createStackWorker', { ...VETH, api: 'worker', busy }),
  ]
  const idle = await measureAll(both(0), MEASUREMENTS, plan)
  const busy = await measureAll(both(BUSY_MS), WHEN_BUSY, plan)
  console.log(machine())
  console.log(
    `veth, MTU 1500, offloads as they come; the other end is the kernel; ${placement}, by its user's thread; median ` +
      `[min–max] of ${plan.rounds} × ${plan.ms} ms, interleaved; a ratio above 1 is better than createStack`,
  )
  console.log(`\n${idle}\n\nThe user's thread busy for ${BUSY_MS} ms at a time:\n\n${busy}`)
  console.log()
  for (const way of WAYS) {
    console.log(`to wake another thread and be woken, by ${way}, p50: ${await wakeTime(way, plan)} µs`)
  }
}

/** Prints both kinds of stack beside each other, with the user's thread free and busy. */
export async function compareWorker(args: readonly string[]): Promise<void> {
  const { quick } = readFlags(args, { quick: { type: 'boolean', default: false } })
  await withRig(['client', 'peer'], (lab, peer) => bench(lab, peer, quick ? QUICK : FULL))
}
