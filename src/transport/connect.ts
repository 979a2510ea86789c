import { connect, isIP, type Socket } from 'node:net'
import { ERROR_CODES, type ErrorCode, NetError } from '../base/errors.ts'
import { connectByInterface } from '../driver/interface-socket.ts'
import type { Attempt } from './attempt.ts'
import { formatHostPort, type HostPort } from './host-port.ts'
import { addressesOf, type Resolve, resolveByMachine } from './resolve.ts'
import { connectVia, type Via } from './via.ts'

/** Where connections start from; the kernel chooses what is left open. */
export interface Source {
  /** An address of this machine. */
  readonly local?: string | undefined
  /** An interface of the kernel, by name. */
  readonly interface?: string | undefined
  /** A stack of our own instead of the kernel's, which knows IPv4 only. Names are still looked up by this machine. */
  readonly via?: Via | undefined
  readonly resolve?: Resolve | undefined
  /** Milliseconds for each address to answer at all. Default: its share of the attempt's time. */
  readonly answerWithin?: number | undefined
}

/** What is connected to, for the words of errors. */
export interface Hop extends HostPort {
  /** `the proxy `, or nothing for the target itself. */
  readonly prefix: string
  /** The code of whatever fails; without one, the system's own. */
  readonly code?: ErrorCode
}

/** Why a name is of no use, in a target's error as in a proxy's. */
const NAME_WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name is not known (ENOTFOUND)',
  EAI_AGAIN: 'no name server answers (EAI_AGAIN)',
}
/** Of the kernel's sockets; `ERROR_CODES` has the words of our own stack's. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it ended the connection at once: does it let this address in?',
  ETIMEDOUT: 'it does not answer',
  EHOSTUNREACH: 'no host answers for that address',
  ENETUNREACH: 'no route leads there',
  EADDRNOTAVAIL: 'the local address is none of this machine',
  EACCES: 'the system does not permit it',
  EPERM: 'the system does not permit it',
  EMFILE: 'this process has too many open files (EMFILE)',
}
/** Codes that are none of ours, by what they mean for whoever wanted to connect. */
const NEAREST: Readonly<Record<string, ErrorCode>> = { EMFILE: 'ENOBUFS', ENFILE: 'ENOBUFS' }

interface Failure {
  readonly address: string
  readonly code: string
}

/**
 * A TCP connection to one hop. Its name is looked up now, and each of its addresses tried in turn: one that is silent gets
 * its share of what is left of the attempt's time. The socket is half-open by choice and does not delay small writes.
 * @throws {NetError} that says which hop it is, and for each address why not.
 */
export async function connectTo(hop: Hop, source: Source, attempt: Attempt): Promise<Socket> {
  const addresses = await resolveHop(hop, source, attempt)
  const failures: Failure[] = []
  for (const [i, address] of addresses.entries()) {
    attempt.waitFor(hop.code ?? 'ETIMEDOUT', waiting(hop, addresses, failures, address))
    // The last may take all that is left.
    const share = i === addresses.length - 1 ? undefined : attempt.left / (addresses.length - i)
    const socket = attempt.hold(open(address, hop.port, source))
    const code = await outcome(socket, least(share, source.answerWithin))
    if (code === undefined) return socket
    attempt.drop(socket)
    attempt.signal.throwIfAborted()
    failures.push({ address, code })
  }
  throw failed(hop, source, failures)
}

/** `the proxy 10.0.0.1:1080`. */
export const nameOf = (hop: Hop): string => `${hop.prefix}${formatHostPort(hop)}`

async function resolveHop(hop: Hop, source: Source, attempt: Attempt): Promise<readonly string[]> {
  const { host } = hop
  attempt.waitFor(hop.code ?? 'ETIMEDOUT', `Cannot reach ${nameOf(hop)}: no name server has answered`)
  const local = source.local === undefined ? 0 : isIP(source.local)
  const family = source.via === undefined ? (local as 0 | 4 | 6) : 4
  let addresses: readonly string[]
  try {
    addresses = await addressesOf(host, family, source.resolve ?? resolveByMachine)
  } catch (error) {
    throw failed(hop, source, [{ address: host, code: codeOf(error) }])
  }
  if (addresses.length > 0) return addresses
  const code = hop.code ?? 'EAFNOSUPPORT'
  throw new NetError(code, `Cannot reach ${nameOf(hop)}: it has no IPv${family} address`, whereOf(hop))
}

function open(address: string, port: number, source: Source): Socket {
  const common = { host: address, port, allowHalfOpen: true, noDelay: true }
  if (source.via !== undefined) return connectVia(source.via, common)
  const options = { ...common, ...(source.local === undefined ? {} : { localAddress: source.local }) }
  return source.interface === undefined ? connect(options) : connectByInterface(source.interface, options)
}

const least = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)

/** Undefined once it is connected, else the code of what it failed with. */
function outcome(socket: Socket, limit: number | undefined): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = limit === undefined ? undefined : setTimeout(() => end('ETIMEDOUT'), limit)
    const onConnect = (): void => end(undefined)
    const onError = (error: Error): void => end(codeOf(error))
    const onClose = (): void => end('ECONNABORTED')
    const end = (code: string | undefined): void => {
      clearTimeout(timer)
      socket.off('connect', onConnect).off('error', onError).off('close', onClose)
      resolve(code)
    }
    socket.on('connect', onConnect).on('error', onError).on('close', onClose)
  })
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error)

function waiting(hop: Hop, addresses: readonly string[], failures: readonly Failure[], address: string): string {
  const before = failures.map((failure) => `${failure.address} ${failure.code}, `).join('')
  const what = addresses.length === 1 ? 'it does not answer' : `${before}${address} does not answer`
  return `Cannot reach ${nameOf(hop)}: ${what}`
}

function failed(hop: Hop, source: Source, failures: readonly Failure[]): NetError {
  const last = failures.at(-1)!.code
  const known = Object.hasOwn(ERROR_CODES, last) ? (last as ErrorCode) : NEAREST[last]
  const why =
    failures.length === 1 ? wordsOf(last, hop) : failures.map(({ address, code }) => `${address} ${code}`).join(', ')
  const code = hop.code ?? known ?? 'EHOSTUNREACH'
  return new NetError(code, `Cannot reach ${nameOf(hop)}${fromWhere(source)}: ${why}`, whereOf(hop))
}

/** Where a proxy is concerned its own code stands at the end, and the system's here. */
function wordsOf(code: string, hop: Hop): string {
  const words = NAME_WORDS[code] ?? WORDS[code] ?? code
  return hop.code === undefined || words.includes(code) ? words : `${words}, ${code}`
}

function fromWhere({ local, interface: name, via }: Source): string {
  if (via !== undefined) return ` by our own stack on ${via.interface}`
  const by = name === undefined ? '' : ` by ${name}`
  return `${local === undefined ? '' : ` from ${local}`}${by}`
}

export const whereOf = ({ host, port }: HostPort) => ({ syscall: 'connect', address: host, port })
