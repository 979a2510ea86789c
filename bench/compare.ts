// Our stack beside the kernel, on the same wire, in one run: npm run bench [-- --quick]
import type { Lab } from '../test/real/netns.ts'
import { readFlags } from './flags.ts'
import { machine, withRig } from './rig.ts'
import { FULL, kernelClient, measureAll, type Plan, placement, QUICK, type Subject, servePeers } from './round.ts'
import { MEASUREMENTS } from './rows.ts'
import { compareWrk } from './wrk.ts'

const VETH = { interface: 'eth0', host: '10.0.0.2' } as const
const OURS = '10.0.0.3/24'

async function bench(lab: Lab, peer: string, plan: Plan): Promise<void> {
  lab.veth('client', 'peer', { client: '10.0.0.1/24', peer: '10.0.0.2/24' })
  const [client, tap] = [lab.host('client'), lab.host('tap')]
  // A program in Node cannot choose its congestion control; the route to the peer chooses for it.
  client.ip('route', 'change', '10.0.0.0/24', 'dev', 'eth0', 'src', '10.0.0.1', 'congctl', 'cubic')
  for (const name of ['client', 'peer', 'tap']) lab.host(name).sysctl('ipv4.tcp_max_tw_buckets', 500)
  await servePeers(lab.host('peer'), peer)
  await servePeers(tap, peer)
  const onTap = { link: 'tap', api: 'promises', interface: 'bench0', address: '10.1.0.1/24', host: '10.1.0.2' } as const
  const subjects: Subject[] = [
    { title: 'kernel', at: client, client: kernelClient(peer, VETH.host) },
    { title: 'node:net on the kernel', at: client, client: { ...VETH, link: 'kernel', api: 'node', address: '' } },
    { title: 'AF_PACKET', at: client, client: { ...VETH, link: 'packet', api: 'promises', address: OURS } },
    { title: 'gotcp/net on AF_PACKET', at: client, client: { ...VETH, link: 'packet', api: 'node', address: OURS } },
    { title: 'TAP', at: tap, client: onTap },
  ]
  const table = await measureAll(subjects, MEASUREMENTS, plan)
  console.log(machine())
  console.log(
    `veth, MTU 1500, offloads as they come; congestion control: cubic on both sides; ${placement}; ` +
      `median [min–max] of ${plan.rounds} × ${plan.ms} ms, interleaved; a ratio above 1 is better than the kernel`,
  )
  console.log(`\n${table}`)
  const scene = { wrk: lab.host('peer'), servers: client, interface: 'eth0', kernel: '10.0.0.1', ours: OURS }
  console.log(`\n${await compareWrk(scene, plan)}`)
}

/** Prints our stack in its attachments beside the kernel. */
export async function compareWithKernel(args: readonly string[]): Promise<void> {
  const { quick } = readFlags(args, { quick: { type: 'boolean', default: false } })
  await withRig(['client', 'peer', 'tap'], (lab, peer) => bench(lab, peer, quick ? QUICK : FULL))
}
