import { ADDRCONFIG, lookup as dnsLookup, type LookupOptions } from 'node:dns'
import { getDefaultAutoSelectFamily, isIP, isIPv4 } from 'node:net'
import { toIpv4 } from '../stack/address.ts'
import { type ConnectOptions, invalidAddress, requireConnectOptions, requireLookup } from './arguments.ts'
import { Connection, type StreamSide } from './connection.ts'
import type { NetContext } from './context.ts'
import { addressError, systemCode } from './errors.ts'

/** Where a socket is to connect to: an address, once it is known. */
export interface Place {
  readonly address: string
  readonly family: number
  readonly port: number
}

/** Who wants to know the addresses of a host. */
export interface Asker {
  /** Whether it still does. */
  readonly isWaiting: boolean
  /** A name was looked up, for better or worse: once for each address, where all were asked for. */
  onLookup(error: Error | null, address: unknown, family: number | undefined, host: string): void
  /** At least one: all that may be tried in turn. */
  onFound(places: readonly Place[], options: ConnectOptions): void
  onNotFound(error: Error): void
}

/**
 * Finds the addresses of a host, in the next tick where it is one already.
 * @throws what the checks of the options throw.
 */
export function findPlaces(options: ConnectOptions, asker: Asker): void {
  const port = requireConnectOptions(options)
  const host = options.host || 'localhost'
  const family = isIP(host)
  if (family !== 0) {
    process.nextTick(() => asker.onFound([{ address: host, family, port }], options))
    return
  }
  requireLookup(options)
  const question = questionOf(options)
  const isAll = question.all === true
  const lookup = options.lookup || dnsLookup
  lookup(host, question, (error, found, foundFamily) => {
    if (isAll && !asker.isWaiting) return
    if (error) {
      asker.onLookup(error, isAll ? undefined : found, isAll ? undefined : foundFamily, host)
      process.nextTick(() => asker.onNotFound(error))
      return
    }
    // Some answer with one address, whatever they were asked for; and some with all.
    const all: readonly Answer[] = Array.isArray(found) ? found : [{ address: found, family: foundFamily }]
    const answers = isAll ? all : all.slice(0, 1)
    for (const answer of answers) {
      asker.onLookup(error, answer.address, answer.family, host)
      if (isAll && !asker.isWaiting) return
    }
    const places = placesOf(answers, port)
    if (places.length > 0) asker.onFound(places, options)
    else process.nextTick(() => asker.onNotFound(invalidAddress(answers[0]?.address)))
  })
}

interface Answer {
  readonly address: unknown
  readonly family: number | undefined
}

/** What node:net asks a lookup, but for IPv4 addresses where no family is chosen. */
function questionOf({ family, hints, localAddress, autoSelectFamily }: ConnectOptions): LookupOptions {
  const chosen = family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : family
  if (chosen === 4 || chosen === 6) return { family: chosen, hints: hints || 0 }
  // A family that is none is for the lookup to refuse.
  const question = { family: (chosen || 4) as 4, hints: hints || ADDRCONFIG }
  const isAll = !localAddress && (autoSelectFamily ?? getDefaultAutoSelectFamily())
  return isAll ? { ...question, all: true } : question
}

/** Each IPv4 address once; another, which leads nowhere, only where there is none. */
function placesOf(answers: readonly Answer[], port: number): Place[] {
  const addresses = [...new Set(answers.map(({ address }) => String(address)))]
  const places = addresses.flatMap((address) => {
    const family = isIP(address)
    return family === 0 ? [] : [{ address, family, port }]
  })
  const usable = places.filter(({ family }) => family === 4)
  return usable.length > 0 ? usable : places.slice(0, 1)
}

/** The error where the local address that was asked for is not ours. */
export function checkLocal({ host }: NetContext, { localAddress, localPort }: ConnectOptions): Error | undefined {
  if (!localAddress) return undefined
  const isKnown = isIPv4(localAddress)
  if (isKnown && host.stack.ip.isLocal(toIpv4(localAddress))) return undefined
  return addressError(isKnown ? 'EADDRNOTAVAIL' : 'EINVAL', 'bind', localAddress, localPort ?? 0)
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
      ...(localPort ? { localPort } : {}),
    })
    return new Connection(tcb, machine, side)
  } catch (error) {
    return addressError(systemCode(error), 'connect', place.address, place.port, '0.0.0.0:0')
  }
}
