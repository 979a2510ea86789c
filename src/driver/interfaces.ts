import { type Cidr, formatCidr, type Ipv4Addr, MAC_NONE, type MacAddr } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import { native } from './native.ts'
import { osError } from './os-errors.ts'
import { parseDump, RTM_GETADDR, RTM_GETLINK, RTM_GETROUTE, type RtMessage } from './rtnetlink.ts'

const AF_INET = 2
const IFF_UP = 0x1
const IFF_RUNNING = 0x40
const RT_TABLE_MAIN = 254
const RTN_UNICAST = 1

/** ARP hardware types (if_arp.h). */
const HARDWARE: Readonly<Record<number, InterfaceKind>> = { 1: 'ethernet', 772: 'loopback', 65534: 'ip', 512: 'ip' }

/** What an interface carries: Ethernet frames, the machine's own traffic in Ethernet frames, bare IP packets. */
export type InterfaceKind = 'ethernet' | 'loopback' | 'ip' | 'other'

/** What the kernel knows of an interface. */
export interface InterfaceFacts {
  readonly name: string
  readonly index: number
  readonly kind: InterfaceKind
  /** 0 where the medium has none. */
  readonly mac: MacAddr
  readonly mtu: number
  /** Set up by the administrator. */
  readonly up: boolean
  /** Has a carrier and may move frames. */
  readonly running: boolean
  /** How many sockets hold it in promiscuous mode. */
  readonly promiscuity: number
  readonly addresses: readonly Cidr[]
}

/** A way out of a network. */
export interface KernelRoute {
  readonly destination: Cidr
  readonly gateway: Ipv4Addr | undefined
  readonly interface: string
  readonly metric: number
}

function dump(type: number, family: number, fixedLength: number): RtMessage[] {
  const result = native().netlinkDump(type, family)
  if (typeof result === 'number') throw osError(result, 'list the interfaces', 'netlink')
  return parseDump(result, fixedLength)
}

function macOf(bytes: Uint8Array): MacAddr {
  if (bytes.length !== 6) return MAC_NONE
  return bytes.reduce((mac, octet) => mac * 256 + octet, 0) as MacAddr
}

/** Every interface of this network namespace, in the kernel's order. */
export function listInterfaces(): InterfaceFacts[] {
  const addresses = new Map<number, Cidr[]>()
  for (const message of dump(RTM_GETADDR, AF_INET, 8)) {
    // IFA_LOCAL is the interface's own end; IFA_ADDRESS is the peer's on a point-to-point link.
    const addr = message.address(2) ?? message.address(1)
    if (addr === undefined) continue
    const index = message.u32(4)
    const list = addresses.get(index) ?? []
    list.push({ addr: addr as Ipv4Addr, prefix: message.u8(1) })
    addresses.set(index, list)
  }
  return dump(RTM_GETLINK, 0, 16).map((message) => {
    const index = message.u32(4)
    const flags = message.u32(8)
    return {
      name: message.text(3),
      index,
      kind: HARDWARE[message.u16(2)] ?? 'other',
      mac: macOf(message.bytes(1)),
      mtu: message.number(4),
      up: (flags & IFF_UP) !== 0,
      running: (flags & IFF_RUNNING) !== 0,
      promiscuity: message.number(30),
      addresses: addresses.get(index) ?? [],
    }
  })
}

/** One interface by name or index. @throws NetError ENODEV that lists the interfaces there are */
export function findInterface(which: string | number): InterfaceFacts {
  const all = listInterfaces()
  const found = all.find((each) => each.name === which || each.index === which)
  if (found !== undefined) return found
  const there = all.map((each) => [each.name, ...each.addresses.map(formatCidr)].join(' '))
  throw new NetError('ENODEV', `No interface is called "${which}". There are: ${there.join(', ')}`, { syscall: 'open' })
}

/** The kernel's IPv4 unicast routes of the main table, the more specific and cheaper first. */
export function listRoutes(): KernelRoute[] {
  const names = new Map(listInterfaces().map((each) => [each.index, each.name]))
  const routes: KernelRoute[] = []
  for (const message of dump(RTM_GETROUTE, AF_INET, 12)) {
    const name = names.get(message.number(4))
    if (message.number(15, message.u8(4)) !== RT_TABLE_MAIN || message.u8(7) !== RTN_UNICAST) continue
    if (name === undefined) continue
    routes.push({
      destination: { addr: (message.address(1) ?? 0) as Ipv4Addr, prefix: message.u8(1) },
      gateway: message.address(5) as Ipv4Addr | undefined,
      interface: name,
      metric: message.number(6),
    })
  }
  return routes.sort((a, b) => b.destination.prefix - a.destination.prefix || a.metric - b.metric)
}

/** The cheapest default route; undefined on a machine without one. */
export function defaultRoute(): KernelRoute | undefined {
  return listRoutes().find((route) => route.destination.prefix === 0)
}
