import { join } from 'node:path'
import {
  Cable,
  createStack,
  FaultLink,
  type FaultOptions,
  fromMs,
  type Host,
  type Link,
  openPacketLink,
} from '../../src/index.ts'
import { createDgram, type Dgram } from '../../src/net/dgram.ts'
import { createNet, type Net } from '../../src/net/index.ts'
import { firstLine, type Lab } from '../../test/real/netns.ts'
import { servePeer } from './peer.ts'

const KERNEL_PEER = join(import.meta.dirname, 'kernel-peer.js')

/** Milliseconds: short, so that such connections come and go during a soak of any length. */
export const TIME_WAIT = 10_000

/** Milliseconds: a rest waits for it where the reset of an aborted connection was lost. */
const PATIENCE = 20_000

/** A way from a stack of ours to a peer. */
export interface Lane {
  readonly name: string
  /** What is lost here, is lost on purpose: the loads are smaller, and not every ping comes back. */
  readonly isBad: boolean
  /** The stack that the loads run on. */
  readonly client: Host
  /** All stacks of ours on this lane. */
  readonly stacks: readonly Host[]
  readonly net: Net
  readonly dgram: Dgram
  /** The peer's address. */
  readonly host: string
}

const badLine = (seed: number): FaultOptions => ({
  loss: 0.01,
  reorder: 0.01,
  duplicate: 0.005,
  corrupt: 0.002,
  delay: fromMs(3),
  jitter: fromMs(2),
  seed,
})

function clientOn(link: Link, address: string): Pick<Lane, 'client' | 'net' | 'dgram'> {
  const client = createStack()
  client.addInterface(link, { address })
  return { client, net: createNet(client, { tcp: { timeWait: TIME_WAIT } }), dgram: createDgram(client) }
}

/** Two stacks of ours on a cable in memory; on a good one super-segments go through as they are. */
export async function memoryLane(isBad: boolean, seed: number): Promise<Lane> {
  const cable = new Cable({ offload: !isBad })
  const link = isBad ? new FaultLink(cable.a, badLine(seed)) : cable.a
  const ours = clientOn(link, '10.8.0.1/24')
  const peer = createStack()
  peer.addInterface(cable.b, { address: '10.8.0.2/24' })
  const net = createNet(peer, { tcp: { timeWait: TIME_WAIT } })
  const dgram = createDgram(peer)
  await servePeer({
    createServer: (options, onConnection) => net.createServer(options, onConnection),
    adopt: (server) => net.adopt(server),
    createUdp: () => dgram.createSocket('udp4'),
    patience: PATIENCE,
  })
  const name = isBad ? 'two stacks, bad line' : 'two stacks'
  return { name, isBad, stacks: [ours.client, peer], host: '10.8.0.2', ...ours }
}

/** The hosts that `kernelLanes` needs of a lab. */
export const KERNEL_HOSTS = ['soak', 'peer'] as const

/** From a stack on a veth to the kernel's sockets in another namespace, without and with a bad line between. */
export async function kernelLanes(lab: Lab, seed: number): Promise<Lane[]> {
  lab.veth('soak', 'peer', { soak: '10.9.0.1/24', peer: '10.9.0.2/24' })
  await firstLine(lab.host('peer').spawn(process.execPath, KERNEL_PEER))
  const { netns } = lab.host('soak')
  return [false, true].map((isBad): Lane => {
    const address = isBad ? '10.9.0.4/24' : '10.9.0.3/24'
    const wire = openPacketLink({ interface: 'eth0', addresses: [address], netns })
    const ours = clientOn(isBad ? new FaultLink(wire, badLine(seed)) : wire, address)
    const name = isBad ? 'kernel, bad line' : 'kernel'
    return { name, isBad, stacks: [ours.client], host: '10.9.0.2', ...ours }
  })
}
