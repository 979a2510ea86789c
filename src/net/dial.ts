import { ADDRCONFIG, lookup as dnsLookup } from 'node:dns'
import { isIP } from 'node:net'
import { toIpv4 } from '../stack/address.ts'
import type { ConnectOptions } from './arguments.ts'
import { Connection, type StreamSide } from './connection.ts'
import type { NetContext } from './context.ts'
import { addressError, nodeError, systemCode } from './errors.ts'

/** Where a socket is to connect to: an address, once it is known. */
export interface Place {
  readonly address: string
  readonly family: number
  readonly port: number
}

/** Who wants to know an address. */
export interface Asker {
  /** A name was looked up, for better or worse. */
  onLookup(error: Error | null, address: string, family: number | undefined, host: string): void
  onFound(place: Place): void
  onNotFound(error: Error): void
}

/** Finds the address of a host, in the next tick where it is one already. */
export function findPlace(options: ConnectOptions, port: number, asker: Asker): void {
  const host = options.host || 'localhost'
  const family = isIP(host)
  if (family !== 0) {
    process.nextTick(() => asker.onFound({ address: host, family, port }))
    return
  }
  const lookup = options.lookup ?? dnsLookup
  const hints = options.hints ?? (options.family === undefined ? ADDRCONFIG : 0)
  lookup(host, { family: 4, hints, all: false }, (error, found, foundFamily) => {
    const address = typeof found === 'string' ? found : (found?.[0]?.address ?? '')
    asker.onLookup(error, address, foundFamily, host)
    if (error) process.nextTick(() => asker.onNotFound(error))
    else if (isIP(address) === 0) process.nextTick(() => asker.onNotFound(invalidAddress(address)))
    else asker.onFound({ address, family: isIP(address), port })
  })
}

/** The error where the local address that was asked for is not ours. */
export function checkLocal({ host }: NetContext, { localAddress, localPort }: ConnectOptions): Error | undefined {
  if (!localAddress || host.stack.ip.isLocal(toIpv4(localAddress))) return undefined
  return addressError('EADDRNOTAVAIL', 'bind', localAddress, localPort ?? 0)
}

/** Opens a connection for `side`; an error where that cannot even be tried. */
export function dial(context: NetContext, place: Place, options: ConnectOptions, side: StreamSide): Connection | Error {
  const { localAddress, localPort } = options
  try {
    const { machine } = context
    const tcb = machine.connect(toIpv4(place.address), place.port, {
      ...context.tcp,
      ...options.tcp,
      ...(localAddress ? { local: toIpv4(localAddress) } : {}),
      ...(localPort === undefined ? {} : { localPort }),
    })
    return new Connection(tcb, machine, side)
  } catch (error) {
    return addressError(systemCode(error), 'connect', place.address, place.port, '0.0.0.0:0')
  }
}

export const invalidAddress = (address: string): Error =>
  nodeError(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${address}`)
