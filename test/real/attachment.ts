import { parseCidr, parseIpv4 } from '../../src/base/address.ts'
import type { Micros } from '../../src/base/types.ts'
import { BpfAssembler } from '../../src/driver/bpf.ts'
import type { PortLink } from '../../src/driver/port-link.ts'
import {
  createStack,
  FaultLink,
  type FaultOptions,
  type Host,
  type Link,
  openPacketLink,
  openTapLink,
  openTunLink,
} from '../../src/index.ts'
import { KernelPeer } from './kernel-peer.ts'
import { createLab, type Lab, type LabHost } from './netns.ts'

export const OUR_ADDRESS = '10.0.0.1'
export const KERNEL_ADDRESS = '10.0.0.2'
const NOW = 0 as Micros
const OUR_CIDR = `${OUR_ADDRESS}/24`
const KERNEL_CIDR = `${KERNEL_ADDRESS}/24`

/** The ways in which our stack can be on a real wire. */
export const ATTACHMENTS = ['own address', 'shared address', 'TAP', 'TUN'] as const
export type AttachmentKind = (typeof ATTACHMENTS)[number]

export interface AttachOptions {
  readonly mtu?: number
  /** False: plain frames, no virtio-net headers. */
  readonly offload?: boolean
  /** Slots of a receive ring, on a packet link. */
  readonly ring?: number
  /** As `createStack` takes it. */
  readonly spin?: number
  readonly faults?: FaultOptions
  /** Around the link, outermost. */
  readonly wrap?: (link: Link) => Link
  /** Done to the kernel's host before anything is started there. */
  readonly prepare?: (kernel: LabHost) => void
}

/** Our stack and a kernel, joined in namespaces of their own. */
export interface Attachment {
  readonly lab: Lab
  readonly stack: Host
  readonly link: PortLink
  /** The namespace of the kernel we talk to. */
  readonly kernel: LabHost
  readonly peer: KernelPeer
  close(): void
}

export function attach(kind: AttachmentKind, options: AttachOptions = {}): Attachment {
  const lab = createLab({ hosts: ['ours', 'kernel'] })
  try {
    const kernel = lab.host('kernel')
    const link = open(lab, kind, options)
    options.prepare?.(kernel)
    const stack = createStack({ netns: lab.host('ours').netns, spin: options.spin })
    const faulty = options.faults === undefined ? link : new FaultLink(link, options.faults)
    stack.addInterface(options.wrap?.(faulty) ?? faulty, { address: OUR_CIDR, shared: kind === 'shared address' })
    const close = (): void => {
      stack.close()
      lab.close()
    }
    return { lab, stack, link, kernel, peer: new KernelPeer(kernel, KERNEL_ADDRESS), close }
  } catch (error) {
    lab.close()
    throw error
  }
}

function open(lab: Lab, kind: AttachmentKind, { mtu, offload, ring }: AttachOptions): PortLink {
  if (kind === 'TAP' || kind === 'TUN') {
    const openLink = kind === 'TAP' ? openTapLink : openTunLink
    const netns = lab.host('kernel').netns
    return openLink({ name: 'gotcp0', netns, kernelAddress: parseCidr(KERNEL_CIDR), mtu, offload })
  }
  const shared = kind === 'shared address'
  const name = lab.veth(
    'ours',
    'kernel',
    { ours: shared ? OUR_CIDR : undefined, kernel: KERNEL_CIDR },
    mtu === undefined ? {} : { mtu },
  )
  const addresses = shared ? undefined : [parseCidr(OUR_CIDR)!]
  return openPacketLink({ interface: name, netns: lab.host('ours').netns, addresses, offload, ring })
}

/** Counts the resets from our address that arrive at a host, whoever sent them, our stack or our kernel: a second witness. */
export class ResetWatch {
  resets = 0
  readonly #link: PortLink

  constructor(host: LabHost, name = 'eth0') {
    const filter = new BpfAssembler()
      .load16(12)
      .ifEqual(0x0800, undefined, 'drop')
      .load8(23)
      .ifEqual(6, undefined, 'drop')
      .load32(26)
      .ifEqual(parseIpv4(OUR_ADDRESS)!, undefined, 'drop')
      .load8(47)
      .and(0x04)
      .ifEqual(0, 'drop')
      .accept()
      .label('drop')
      .accept(0)
      .assemble()
    this.#link = openPacketLink({ interface: name, netns: host.netns, filter, ignoreOutgoing: false })
    this.#link.onWake = () => this.drain()
  }

  /** Takes in what the kernel has captured so far. */
  drain(): void {
    do this.#link.receive(NOW, () => this.resets++)
    while (this.#link.pollAt() <= NOW)
  }

  close(): void {
    this.drain()
    this.#link.close()
  }
}
