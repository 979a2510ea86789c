import { formatEndpoint, formatIp, type IpAddr, type Ipv4Addr, isIpv4, isMulticast } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import type { IpOutput, Route } from '../ip/output.ts'
import { IpProtocol } from '../wire/ipv4.ts'
import type { PortClaim, PortPool } from './ports.ts'

/**
 * The way of a connection that is opened actively, and its own end. Only a single host can be at the other (RFC 9293
 * §3.9.1.1, MUST-46).
 * @throws {NetError} ENETUNREACH, EAFNOSUPPORT or EADDRNOTAVAIL.
 */
export function wayTo(ip: IpOutput, remote: IpAddr, port: number, from: Ipv4Addr | undefined): WayTo {
  if (!isIpv4(remote)) throw new NetError('EAFNOSUPPORT', `Cannot connect to ${remote}: IPv6 is not supported yet`)
  const details = { syscall: 'connect', address: formatIp(remote), port }
  const route = ip.route(remote, from)
  if (route === undefined) {
    const message = `Cannot connect to ${formatEndpoint(remote, port)}: no route leads there. Add a gateway`
    throw new NetError('ENETUNREACH', message, details)
  }
  if (route.isBroadcast || isMulticast(remote) || remote === 0) {
    const message = `Cannot connect to ${formatEndpoint(remote, port)}: it is no address of a single host`
    throw new NetError('ENETUNREACH', message, details)
  }
  const local = from ?? route.src
  if (ip.ownerOf(local) === undefined) {
    const message = `Cannot connect from ${formatIp(local)}: it is not an address of this stack`
    throw new NetError('EADDRNOTAVAIL', message, details)
  }
  return { route, local, remote }
}

export interface WayTo {
  readonly route: Route
  readonly local: Ipv4Addr
  readonly remote: Ipv4Addr
}

/** Whoever asks for a port: what it is for, in the words of the error when it is taken. */
type Asking = 'listen on' | 'connect from'

const TAKEN: Readonly<Record<Asking, string>> = {
  'listen on': 'a listener of this stack has it',
  'connect from': 'it already has a connection there',
}

/**
 * Takes the port that was asked for, or with 0 a random one that is free.
 * @throws {NetError} EADDRINUSE or EADDRNOTAVAIL.
 */
export function takePort(
  ports: PortPool,
  asking: Asking,
  { local, port }: { local: IpAddr; port: number },
  isFree: (port: number) => boolean,
): PortClaim {
  if (port === 0) return ports.claimEphemeral(IpProtocol.TCP, local, isFree)
  if (isFree(port)) return ports.claim(IpProtocol.TCP, local, port)
  const [syscall] = asking.split(' ')
  throw new NetError('EADDRINUSE', `Cannot ${asking} port ${port}: ${TAKEN[asking]}`, { syscall: syscall!, port })
}
