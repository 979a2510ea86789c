import { spawnSync } from 'node:child_process'
import { parseCidr } from '../../src/base/address.ts'
import { createStack, type Host, type Link, openPacketLink, openTunLink } from '../../src/index.ts'
import { OUR_ADDRESS } from './attachment.ts'
import { KernelPeer } from './kernel-peer.ts'
import { createLab, type Lab, type LabHost, labUnavailable } from './netns.ts'

const OUR_CIDR = `${OUR_ADDRESS}/24`
const NEAR = '10.0.0.254'
/** The kernel at the far end of the path. */
export const FAR_ADDRESS = '10.0.1.2'
const FAR_NET = '10.0.1.0/24'
/** Of nftables, in the routers. */
const TABLE = 'gotcp'

/** Why no path with routers can be made here; undefined when it can. */
export function pathUnavailable(): string | undefined {
  const why = labUnavailable()
  if (why !== undefined) return why
  const { error, status, stderr } = spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' })
  if (error !== undefined) return 'the command nft is missing: apt-get install nftables'
  return status === 0 ? undefined : `nft does not work here: ${stderr.trim()}`
}

/** How our stack is joined to the first router: plain frames are those without virtio-net headers. */
export const PATHS = ['own address', 'plain frames', 'TUN'] as const
export type PathKind = (typeof PATHS)[number]

export interface PathOptions {
  /** The MTU between the routers. Default 1500. */
  readonly mtu?: number
  /** Done to the kernel's host before anything is started there. */
  readonly prepare?: (kernel: LabHost) => void
}

/**
 * Two hosts and two kernels between them that route:
 *
 *     ours 10.0.0.1 ── near ── far ── 10.0.1.2 kernel
 */
export class RoutedPath {
  readonly lab: Lab
  readonly ours: LabHost
  readonly near: LabHost
  readonly far: LabHost
  readonly kernel: LabHost

  constructor({ mtu = 1500, prepare }: PathOptions = {}) {
    this.lab = createLab({ hosts: ['ours', 'near', 'far', 'kernel'] })
    const [ours, near, far, kernel] = ['ours', 'near', 'far', 'kernel'].map((name) => this.lab.host(name))
    this.ours = ours!
    this.near = near!
    this.far = far!
    this.kernel = kernel!
    this.lab.veth('near', 'far', { near: '10.0.2.1/24', far: '10.0.2.2/24' }, { name: 'middle', mtu })
    this.lab.veth('far', 'kernel', { far: '10.0.1.254/24', kernel: `${FAR_ADDRESS}/24` }, { name: 'eth0' })
    for (const router of [this.near, this.far]) router.sysctl('ipv4.ip_forward', 1)
    this.near.ip('route', 'add', FAR_NET, 'via', '10.0.2.2')
    this.far.ip('route', 'add', 'default', 'via', '10.0.2.1')
    this.kernel.ip('route', 'add', 'default', 'via', '10.0.1.254')
    prepare?.(this.kernel)
  }

  /** Joins us to the first router by a cable; our kernel has an address only where it is given. */
  cable(address?: string): string {
    return this.lab.veth('ours', 'near', { ours: address, near: `${NEAR}/24` }, { name: 'eth0' })
  }

  /** Our kernel has the address, and its routes lead by the first router: for commands that share it. */
  shareAddress(): void {
    this.cable(OUR_CIDR)
    this.ours.ip('route', 'add', 'default', 'via', NEAR)
  }

  /**
   * The first router counts what it passes on and matches, both ways, and then does something with it: `path.when('big',
   * 'ip length > 1000', 'drop')`. In nftables' words.
   */
  when(name: string, match: string, action = ''): void {
    filter(this.near, 'forward', `counter name ${name} ${action}`, match, name)
  }

  /** How many packets `when` has met. */
  met(name: string): number {
    return Number(/packets (\d+)/.exec(this.near.run('nft', 'list', 'counter', 'ip', TABLE, name))?.[1])
  }

  /** The routers keep their errors to themselves: a path that is narrow is a black hole. */
  silence(): void {
    for (const router of [this.near, this.far]) filter(router, 'output', 'drop', 'icmp type destination-unreachable')
  }

  close(): void {
    this.lab.close()
  }
}

function filter(router: LabHost, hook: string, action: string, match: string, counter = 'unnamed'): void {
  router.run(
    'nft',
    `add table ip ${TABLE}; add counter ip ${TABLE} ${counter};
    add chain ip ${TABLE} ${hook} { type filter hook ${hook} priority 0; };
    add rule ip ${TABLE} ${hook} ${match} ${action}`,
  )
}

/** Our stack at one end of a path, and a kernel under orders at the other. */
export interface PathAttachment {
  readonly path: RoutedPath
  readonly stack: Host
  readonly kernel: LabHost
  readonly peer: KernelPeer
}

/** Puts our stack at one end of such a path for the time of `work`. */
export async function onPath(
  kind: PathKind,
  options: PathOptions,
  work: (attachment: PathAttachment) => Promise<void>,
): Promise<void> {
  const path = new RoutedPath(options)
  let stack: Host | undefined
  try {
    const link = openLink(path, kind)
    stack = createStack({ netns: path.ours.netns })
    stack.addInterface(link, { address: OUR_CIDR, gateway: NEAR })
    const { kernel } = path
    await work({ path, stack, kernel, peer: new KernelPeer(kernel, FAR_ADDRESS) })
  } finally {
    stack?.close()
    path.close()
  }
}

function openLink(path: RoutedPath, kind: PathKind): Link {
  if (kind === 'TUN') {
    return openTunLink({ name: 'gotcp0', netns: path.near.netns, kernelAddress: parseCidr(`${NEAR}/24`) })
  }
  const offload = kind === 'own address'
  const addresses = [parseCidr(OUR_CIDR)!]
  return openPacketLink({ interface: path.cable(), netns: path.ours.netns, addresses, offload })
}
