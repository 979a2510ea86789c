// Other ways to be on the wire, each beside the kernel on the same one: npm run bench -- links [--quick]
import type { Lab } from '../test/real/netns.ts'
import { readFlags } from './flags.ts'
import type { Attachment } from './result.ts'
import { machine, requireEthtool, withRig } from './rig.ts'
import { FULL, kernelClient, measureAll, type Plan, placement, QUICK, type Subject, servePeers } from './round.ts'
import { AWAKE, BULK, LATENCIES, MEASUREMENTS, type Measurement } from './rows.ts'

/** A veth of its own, and who is measured on it. */
interface Scene {
  readonly title: string
  /** What `ethtool -K` is told at both ends. */
  readonly features: readonly string[]
  /** Beside the kernel's client: what is special about ours. */
  readonly ours: Readonly<Record<string, Pick<Attachment, 'api' | 'shared' | 'offload' | 'ring' | 'spin'>>>
  readonly measurements: readonly Measurement[]
}

/** More than the super-segments that one connection may have on their way to us. */
const RING = 128
const SPIN = 50

const SCENES: readonly Scene[] = [
  {
    title: `with a receive ring and without, and with an event loop that does not go to sleep for ${SPIN} µs`,
    features: [],
    ours: {
      AF_PACKET: { api: 'promises' },
      'ring: 0': { api: 'promises', ring: 0 },
      [`ring: ${RING}`]: { api: 'promises', ring: RING },
      [`spin: ${SPIN}`]: { api: 'promises', spin: SPIN },
    },
    measurements: [...BULK, ...LATENCIES, AWAKE],
  },
  {
    title: "the kernel's own address, shared",
    features: [],
    ours: { 'AF_PACKET, shared address': { api: 'promises', shared: true } },
    measurements: MEASUREMENTS,
  },
  {
    title: 'a veth without TSO and GSO: the kernel cuts super-segments, its own and ours, before the wire',
    features: ['tso', 'off', 'gso', 'off', 'gro', 'off'],
    ours: { AF_PACKET: { api: 'promises' }, 'gotcp/net on AF_PACKET': { api: 'node' } },
    measurements: BULK,
  },
  {
    title: 'a veth without TSO, GSO and checksums, our frames without a virtio-net header: we cut, and we add up',
    features: ['tx', 'off', 'rx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off'],
    ours: {
      'AF_PACKET, offload: false': { api: 'promises', offload: false },
      'gotcp/net, offload: false': { api: 'node', offload: false },
    },
    measurements: BULK,
  },
]

/** Makes a scene's wire; who is on it. */
function arrange(lab: Lab, peer: string, { features, ours }: Scene, index: number): Subject[] {
  const [base, host] = [`10.0.${index}`, `10.0.${index}.2`]
  const name = lab.veth('client', 'peer', { client: `${base}.1/24`, peer: `${host}/24` })
  for (const end of ['client', 'peer']) {
    if (features.length > 0) lab.host(end).run('ethtool', '-K', name, ...features)
  }
  const at = lab.host('client')
  const wire = { link: 'packet', interface: name, host } as const
  const clients = Object.entries(ours).map(([title, special]) => ({
    title,
    at,
    client: { ...wire, address: special.shared ? `${base}.1/24` : `${base}.3/24`, ...special },
  }))
  return [{ title: 'kernel', at, client: kernelClient(peer, host) }, ...clients]
}

async function bench(lab: Lab, peer: string, plan: Plan): Promise<void> {
  for (const name of ['client', 'peer']) lab.host(name).sysctl('ipv4.tcp_max_tw_buckets', 500)
  await servePeers(lab.host('peer'), peer)
  console.log(machine())
  console.log(
    `MTU 1500; congestion control: cubic on both sides; ${placement}; median [min–max] of ` +
      `${plan.rounds} × ${plan.ms} ms, interleaved within a table; a ratio above 1 is better than the kernel`,
  )
  for (const [index, scene] of SCENES.entries()) {
    const table = await measureAll(arrange(lab, peer, scene, index), scene.measurements, plan)
    console.log(`\n${scene.title}\n\n${table}`)
  }
}

/** Prints a table for each of the wires that the main one leaves out. */
export async function compareLinks(args: readonly string[]): Promise<void> {
  const { quick } = readFlags(args, { quick: { type: 'boolean', default: false } })
  requireEthtool()
  await withRig(['client', 'peer'], (lab, peer) => bench(lab, peer, quick ? QUICK : FULL))
}
