// What frames through an AF_PACKET socket leave of the kernel's speed, to a program in C: npm run bench -- bare [--quick]
import type { Lab, LabHost } from '../test/real/netns.ts'
import { readFlags } from './flags.ts'
import { machine, requireEthtool, withRig } from './rig.ts'
import {
  type Command,
  FULL,
  kernelClient,
  measureAll,
  type Plan,
  placement,
  QUICK,
  type Subject,
  servePeers,
} from './round.ts'
import { AWAKE, BULK, MEASUREMENTS } from './rows.ts'

const PEER = '10.0.0.2'
const BARE = '10.0.0.4'
const OURS = '10.0.0.3/24'

/** Who is measured on an interface of `at`. */
function subjectsAt(at: LabHost, link: string, peer: string, bare: string): Subject[] {
  const inC =
    (copies: 0 | 1): Command =>
    (mode, port, ms) => [bare, mode, link, BARE, PEER, `${port}`, `${ms}`, `${copies}`]
  const ours = { link: 'packet', api: 'promises', interface: link, address: OURS, host: PEER } as const
  return [
    { title: 'kernel', at, client: kernelClient(peer, PEER) },
    { title: 'C over AF_PACKET', at, client: inC(0) },
    { title: 'the same with a copy', at, client: inC(1) },
    { title: 'gotcp on AF_PACKET', at, client: ours },
  ]
}

async function bench(lab: Lab, peer: string, bare: string, plan: Plan): Promise<void> {
  const link = lab.veth('client', 'peer', { client: '10.0.0.1/24', peer: `${PEER}/24` })
  for (const name of ['client', 'peer']) lab.host(name).sysctl('ipv4.tcp_max_tw_buckets', 500)
  await servePeers(lab.host('peer'), peer)
  const subjects = subjectsAt(lab.host('client'), link, peer, bare)
  console.log(machine())
  console.log(
    `veth, MTU 1500; the other end is the kernel, with cubic; ${placement}; median [min–max] of ` +
      `${plan.rounds} × ${plan.ms} ms, interleaved; a ratio above 1 is better than the kernel`,
  )
  console.log(`\noffloads as they come\n\n${await measureAll(subjects, [...MEASUREMENTS, AWAKE], plan)}`)
  for (const name of ['client', 'peer'])
    lab.host(name).run('ethtool', '-K', link, 'tso', 'off', 'gso', 'off', 'gro', 'off')
  console.log(`\nwithout TSO and GSO\n\n${await measureAll(subjects, BULK, plan)}`)
}

/** Prints what a bare client in C makes of the same descriptor beside the kernel and our stack. */
export async function compareWithBare(args: readonly string[]): Promise<void> {
  const { quick } = readFlags(args, { quick: { type: 'boolean', default: false } })
  requireEthtool()
  await withRig(['client', 'peer'], (lab, peer, program) => bench(lab, peer, program('bare'), quick ? QUICK : FULL))
}
