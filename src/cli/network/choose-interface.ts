import { type Cidr, formatIpv4, type Ipv4Addr, inNetwork, isLoopback } from '../../base/address.ts'
import { NetError } from '../../base/errors.ts'
import type { InterfaceFacts, KernelRoute } from '../../driver/interfaces.ts'
import { UsageError } from '../exit.ts'

/** What the kernel knows: read once, so that a choice does not change while it is made. */
export interface KernelView {
  readonly interfaces: readonly InterfaceFacts[]
  /** The more specific and cheaper first. */
  readonly routes: readonly KernelRoute[]
}

const usable = (each: InterfaceFacts): boolean => each.up && each.kind !== 'loopback' && each.addresses.length > 0

/**
 * The interface to share when none is named: the one the kernel would use to reach `toward`, else that of the
 * default route, else the only one that is up and has an address.
 * @throws NetError ENODEV that says how to name one
 */
export function chooseInterface(view: KernelView, toward: Ipv4Addr | undefined): InterfaceFacts {
  const { interfaces, routes } = view
  const route =
    (toward === undefined ? undefined : routes.find((each) => inNetwork(toward, each.destination))) ??
    routes.find((each) => each.destination.prefix === 0)
  const routed = interfaces.find((each) => each.name === route?.interface)
  if (routed !== undefined) return routed
  const candidates = interfaces.filter(usable)
  if (candidates.length === 1) return candidates[0]!
  const why =
    toward === undefined || isLoopback(toward)
      ? 'There is no default route to tell which interface to use'
      : `No route of this machine leads to ${formatIpv4(toward)}`
  const names = (candidates.length > 0 ? candidates : interfaces).map((each) => each.name)
  throw new NetError('ENODEV', `${why}. Name one with -i: ${names.join(', ')}`, { syscall: 'open' })
}

/** The addresses we use on a packet link, and whether the kernel has them too. */
export interface AddressPlan {
  readonly addresses: readonly Cidr[]
  readonly shared: boolean
}

/**
 * Our own address if one is given, else all of the interface's.
 * @throws UsageError when the interface has none, or when another interface has ours
 */
export function planAddresses(view: KernelView, facts: InterfaceFacts, own: Cidr | undefined): AddressPlan {
  if (facts.kind === 'loopback') {
    throw new UsageError(
      `${facts.name} joins the kernel with itself; our stack can have no place on it`,
      'try: gotcp lab demo, or --tap gotcp0 --ip 10.9.0.2/24 to talk to this very kernel',
    )
  }
  if (own === undefined) {
    if (facts.addresses.length > 0) return { addresses: facts.addresses, shared: true }
    throw new UsageError(
      `${facts.name} has no IPv4 address to share`,
      `give it one of ours: -i ${facts.name} --ip 10.0.0.9/24`,
    )
  }
  const holder = view.interfaces.find((each) => each.addresses.some(({ addr }) => addr === own.addr))
  if (holder === undefined) return { addresses: [own], shared: false }
  if (holder.name === facts.name) return { addresses: [own], shared: true }
  throw new UsageError(
    `${formatIpv4(own.addr)} is the address of ${holder.name} on this machine`,
    'choose another --ip',
  )
}

/** The kernel's end of a TAP or TUN. */
export interface KernelEnd {
  readonly address: Cidr
  /** Whether it must be given to the device; false when it is there already. */
  readonly isNew: boolean
}

/**
 * Which address the kernel has, or gets, at the other end of a TAP or TUN: the gateway when one is given, else
 * what it has there, else the first host of the network that is not us.
 * @throws UsageError when the network has room for one host only
 */
export function planKernelEnd(view: KernelView, device: string, own: Cidr, gateway: Ipv4Addr | undefined): KernelEnd {
  const there = view.interfaces.find((each) => each.name === device)?.addresses.find(({ addr }) => inNetwork(addr, own))
  if (there !== undefined && (gateway === undefined || gateway === there.addr)) return { address: there, isNew: false }
  const hosts = own.prefix === 31 ? [own.addr ^ 1] : own.prefix === 32 ? [] : firstHosts(own)
  const addr = gateway ?? hosts.map((host) => (host >>> 0) as Ipv4Addr).find((host) => host !== own.addr)
  if (addr === undefined || addr === own.addr) {
    throw new UsageError('the network of --ip has no place for the kernel', 'use a prefix of 31 or less, such as /24')
  }
  return { address: { addr, prefix: own.prefix }, isNew: true }
}

function firstHosts({ addr, prefix }: Cidr): number[] {
  const network = Math.floor(addr / 2 ** (32 - prefix)) * 2 ** (32 - prefix)
  return [network + 1, network + 2]
}
