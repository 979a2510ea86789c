import { MessageChannel } from 'node:worker_threads'
import { Cable, createStack, createStackWorker, type Host, openPacketLink, type WorkerHost } from '../../src/index.ts'
import type { Link } from '../../src/link/link.ts'
import { bellMemory } from '../../src/worker/bell.ts'
import { Crossing } from '../../src/worker/crossing.ts'
import { WorkerHost as RemoteHost } from '../../src/worker/host.ts'
import { serve } from '../../src/worker/server.ts'
import { createLab } from '../real/netns.ts'

export const OURS = '10.0.0.1'
export const PEER = '10.0.0.2'
const [OUR_CIDR, PEER_CIDR] = [`${OURS}/24`, `${PEER}/24`]
export const RING = 128 * 1024

/** A stack that is looked at, of either kind, and one of this thread that it talks to. */
export interface World<H extends Host | WorkerHost = Host | WorkerHost> {
  readonly stack: H
  readonly peer: Host
  close(): Promise<void>
}

/** A stack of this thread behind a channel, as if it were in another: what the sides say can be looked at. */
export interface ChannelWorld extends World<WorkerHost> {
  readonly crossing: Crossing
  /** The stack behind the channel. */
  readonly served: Host
  /** Nothing goes from one side to the other any more. */
  sever(): void
  /** Messages each way since the last look. */
  messages(): { up: number; down: number }
}

/** Two stacks of this thread on a cable. */
export async function directWorld(): Promise<World<Host>> {
  const { stack, peer } = cabled()
  const close = async (): Promise<void> => {
    stack.close()
    peer.close()
  }
  return { stack, peer, close }
}

/** The same, with a channel before one of them. */
export async function channelWorld(ringSize = RING): Promise<ChannelWorld> {
  const { stack: served, peer } = cabled()
  const { port1, port2 } = new MessageChannel()
  const bells = { up: bellMemory(), down: bellMemory() }
  const counts = { up: 0, down: 0 }
  port2.on('message', () => counts.up++)
  port1.on('message', () => counts.down++)
  const open = (): Link => new Cable().a
  const crossing = new Crossing(port1, bells, ringSize)
  const ended = new Promise<void>((resolve) => {
    serve(served, { port: port2, bells, open, onClosed: () => port2.close() })
    port1.once('close', resolve)
  })
  const stack = new RemoteHost(crossing, ended)
  const close = async (): Promise<void> => {
    await stack.close()
    served.close()
    peer.close()
  }
  const sever = (): void => port1.close()
  const messages = (): { up: number; down: number } => {
    const seen = { ...counts }
    counts.up = counts.down = 0
    return seen
  }
  return { stack, peer, crossing, served, messages, sever, close }
}

/** A stack in a thread of its own, on a veth in namespaces; the peer is at the other end. */
export async function threadWorld(): Promise<World<WorkerHost>> {
  const lab = createLab({ hosts: ['ours', 'peer'] })
  const name = lab.veth('ours', 'peer')
  const linkOf = (host: string, address: string) => ({
    interface: name,
    netns: lab.host(host).netns,
    addresses: [address],
  })
  const stack = createStackWorker({ ringSize: RING })
  const peer = createStack()
  await stack.addInterface({ kind: 'packet', ...linkOf('ours', OUR_CIDR) }, { address: OUR_CIDR })
  peer.addInterface(openPacketLink(linkOf('peer', PEER_CIDR)), { address: PEER_CIDR })
  const close = async (): Promise<void> => {
    await stack.close()
    peer.close()
    lab.close()
  }
  return { stack, peer, close }
}

function cabled(): { stack: Host; peer: Host } {
  const cable = new Cable({ offload: true })
  const [stack, peer] = [createStack(), createStack()]
  stack.addInterface(cable.a, { address: OUR_CIDR })
  peer.addInterface(cable.b, { address: PEER_CIDR })
  return { stack, peer }
}
