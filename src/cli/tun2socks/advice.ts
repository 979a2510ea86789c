import { type Cidr, formatIpv4, inNetwork, isLoopback, parseIpv4 } from '../../base/address.ts'
import type { InterfaceFacts, KernelRoute } from '../../driver/interfaces.ts'

/** Narrower than the halves of the world that the advice routes into the device. */
const MORE_SPECIFIC = 2

/**
 * What to type so that something is routed into the device: one network, or everything except the way to the proxy,
 * which would otherwise lead into the device as well.
 */
export function routeAdvice(device: string, proxyHost: string, routes: readonly KernelRoute[]): readonly string[] {
  const everything = ['0.0.0.0/1', '128.0.0.0/1'].map((half) => `sudo ip route add ${half} dev ${device}`)
  return [
    'route into it what is to go through the proxy, for instance one network:',
    `  sudo ip route add 203.0.113.0/24 dev ${device}`,
    'or everything:',
    ...[...exception(proxyHost, routes), ...everything].map((line) => `  ${line}`),
  ]
}

/** The route that keeps the way to the proxy as it is, where that is the default route's. */
function exception(proxyHost: string, routes: readonly KernelRoute[]): readonly string[] {
  const proxy = parseIpv4(proxyHost)
  if (proxy === undefined || isLoopback(proxy)) return []
  const way = routes.find(({ destination }) => inNetwork(proxy, destination))
  if (way === undefined || way.destination.prefix >= MORE_SPECIFIC) return []
  const via = way.gateway === undefined ? '' : `via ${formatIpv4(way.gateway)} `
  return [`sudo ip route add ${formatIpv4(proxy)}/32 ${via}dev ${way.interface}`]
}

/** Our own address on the device: beside the kernel's where that has one there, else the usual one. */
export function ownAddress(device: string, interfaces: readonly InterfaceFacts[], usual: Cidr): Cidr {
  const [there] = interfaces.find(({ name }) => name === device)?.addresses ?? []
  if (there === undefined || there.prefix > 30) return usual
  const isLast = !inNetwork((there.addr + 2) as Cidr['addr'], there)
  return { addr: (there.addr + (isLast ? -1 : 1)) as Cidr['addr'], prefix: there.prefix }
}
