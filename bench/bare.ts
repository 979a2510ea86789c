// What frames through an AF_PACKET socket leave of the kernel's speed, to a program in C: npm run bench -- bare [--quick]
import type { Lab } from '../test/real/netns.ts'
import { readFlags } from './flags.ts'
import { machine, withRig } from './rig.ts'
import { type Command, FULL, kernelClient, measureAll, type Plan, placement, QUICK, servePeers } from './round.ts'
import { AWAKE, MEASUREMENTS } from './rows.ts'

const PEER = '10.0.0.2'
const BARE = '10.0.0.4'
const OURS = '10.0.0.3/24'

async function bench(lab: Lab, peer: string, bare: string, plan: Plan): Promise<void> {
  const link = lab.veth('client', 'peer', { client: '10.0.0.1/24', peer: `${PEER}/24` })
  for (const name of ['client', 'peer']) lab.host(name).sysctl('ipv4.tcp_max_tw_buckets', 500)
  await servePeers(lab.host('peer'), peer)
  const at = lab.host('client')
  const inC =
    (copies: 0 | 1): Command =>
    (mode, port, ms) => [bare, mode, link, BARE, PEER, `${port}`, `${ms}`, `${copies}`]
  const ours = { link: 'packet', api: 'promises', interface: link, address: OURS, host: PEER } as const
  const table = await measureAll(
    [
      { title: 'kernel', at, client: kernelClient(peer, PEER) },
      { title: 'C over AF_PACKET', at, client: inC(0) },
      { title: 'the same with a copy', at, client: inC(1) },
      { title: 'gotcp on AF_PACKET', at, client: ours },
    ],
    [...MEASUREMENTS, AWAKE],
    plan,
  )
  console.log(machine())
  console.log(
    `veth, MTU 1500, offloads as they come; the other end is the kernel, with cubic; ${placement}; median [min–max] of ` +
      `${plan.rounds} × ${plan.ms} ms, interleaved; a ratio above 1 is better than the kernel`,
  )
  console.log(`\n${table}`)
}

/** Prints what a bare client in C makes of the same descriptor beside the kernel and our stack. */
export async function compareWithBare(args: readonly string[]): Promise<void> {
  const { quick } = readFlags(args, { quick: { type: 'boolean', default: false } })
  await withRig(['client', 'peer'], (lab, peer, program) => bench(lab, peer, program('bare'), quick ? QUICK : FULL))
}
