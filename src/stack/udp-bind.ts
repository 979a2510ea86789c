import { formatEndpoint, formatIpv4, IPV4_ANY, isMulticast } from '../base/address.ts'
import { rangeError } from '../base/argument-errors.ts'
import { NetError } from '../base/errors.ts'
import type { PortClaim } from '../tcp/ports.ts'
import { UdpEndpoint, type UdpEndpointOptions } from '../udp/endpoint.ts'
import { type AddressLike, toIpv4 } from './address.ts'
import type { Stack } from './stack.ts'

export interface UdpBindOptions extends Omit<UdpEndpointOptions, 'address' | 'port'> {
  /** The local address. Default: all of the stack's. */
  readonly address?: AddressLike
  /** The local port. Default: a random ephemeral one. */
  readonly port?: number
}

/** An endpoint in the stack's table, and the claim to its port. */
export interface BoundUdp {
  readonly endpoint: UdpEndpoint
  readonly claim: PortClaim
}

/**
 * Takes a UDP port.
 * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL.
 * @throws {RangeError} when the port is none.
 */
export function bindUdp(stack: Stack, options: UdpBindOptions): BoundUdp {
  const address = toIpv4(options.address ?? IPV4_ANY)
  const port = options.port ?? 0
  if (port !== 0) checkPort(port)
  const isOurs = address === IPV4_ANY || isMulticast(address) || stack.ip.isLocal(address)
  if (!isOurs) {
    const message = `Cannot bind to ${formatIpv4(address)}: the stack has no interface with that address`
    throw new NetError('EADDRNOTAVAIL', message, { syscall: 'bind', address: formatIpv4(address), port })
  }
  const { udp, ports } = stack
  const isFree = (candidate: number): boolean => udp.endpoints.isFree(address, candidate, options.reuse ?? false)
  if (port !== 0 && !isFree(port)) {
    const message = `Cannot bind to ${formatEndpoint(address, port)}: another socket of this stack uses it`
    throw new NetError('EADDRINUSE', message, { syscall: 'bind', address: formatIpv4(address), port })
  }
  const claim =
    port === 0 ? ports.claimEphemeral(udp.protocol, address, isFree) : ports.claim(udp.protocol, address, port)
  try {
    const endpoint = new UdpEndpoint({ ...options, address, port: claim.port })
    udp.endpoints.add(endpoint)
    return { endpoint, claim }
  } catch (error) {
    claim.release()
    throw error
  }
}

/** Gives the port back and leaves its groups; what was accepted for sending still goes. */
export function unbindUdp(stack: Stack, { endpoint, claim }: BoundUdp): void {
  for (const { group, iface } of endpoint.groups.splice(0)) stack.igmp.leave(iface, group)
  stack.udp.close(endpoint)
  claim.release()
  stack.work()
}

export function checkPort(port: number): void {
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return
  throw rangeError(`Cannot use port ${port}: it must be a whole number from 1 to 65535`)
}
