import { NetError } from '../../base/errors.ts'
import { formatEndpoint } from '../../transport/endpoint.ts'
import { type HostPort, isHost, parsePort, splitHostPort } from '../../transport/host-port.ts'
import { type PathProxy, parseProxy } from '../../transport/proxy.ts'
import { isLoopbackHost } from './addresses.ts'
import { GUESSABLE_WORDS, isGuessable } from './build-client.ts'
import { TARGET } from './kinds.ts'
import { type NativeValues, parseValues } from './parse.ts'
import type { Environment } from './source.ts'
import type { TunnelConfig } from './types.ts'

/** TCP and UDP alike. */
const DEFAULT_PORT = '23461'
/** What socktopus calls localhost; it knows IPv4 only. */
const DEFAULT_HOST = '127.0.0.1'
const SERVICE = 'socktopus'
/** Known to everybody; what there is when nobody gives a key. */
const DEFAULT_KEY = 'socktopus'
/** Where a listener lets connectors lead when it cannot know who they are. */
const LOOPBACK = ['localhost:*', '127.0.0.0/8:*', '[::1]:*']
const ANYWHERE = ['*:*', ...LOOPBACK]

/** What UDPLOC and UDPREM say: a socket's own end, and whom it speaks to. */
export interface UdpEnds {
  readonly own: HostPort
  readonly peer: HostPort
}

const wrong = (what: string, text: string, expected: string): NetError =>
  new NetError('ERR_CONFIG', `${what}: found "${text}"; expected ${expected}`)

const UDP_FORM = '[host:][serv:][rhost:]rserv such as 127.0.0.1:23461:127.0.0.1:1234; ports are numbers'
const PORT = /^\d{1,5}$/

/**
 * Reads `[host:][serv:][rhost:]rserv`. Of three parts the second is `serv` when it can be one, else `rhost`; of two the first
 * is `host`.
 * @throws {NetError} ERR_CONFIG that names the variable.
 */
export function parseUdpEnds(variable: string, text: string): UdpEnds {
  const parts = text.match(/\[[^\]]*\]|[^:[\]]+/g) ?? []
  const isWhole = parts.join(':') === text && parts.length >= 1 && parts.length <= 4
  const [rserv = '', ...before] = parts.toReversed()
  const [host = DEFAULT_HOST, ...middle] = before.toReversed()
  const isPortFirst = middle.length === 2 || PORT.test(middle[0] ?? '')
  const serv = isPortFirst ? middle[0]! : DEFAULT_PORT
  const rhost = (isPortFirst ? middle[1] : middle[0]) ?? DEFAULT_HOST
  const [ownHost, peerHost] = [host, rhost].map((name) => name.replace(/^\[(.*)\]$/, '$1'))
  const [ownPort, peerPort] = [parsePort(serv), parsePort(rserv, 1)]
  const fits = isWhole && isHost(ownHost!) && isHost(peerHost!)
  if (!fits || ownPort === undefined || peerPort === undefined) throw wrong(variable, text, UDP_FORM)
  const own = { host: ownHost!, port: ownPort }
  return { own, peer: { host: peerHost!, port: peerPort } }
}

/** Reads the listener's `[host:]serv`. @throws {NetError} ERR_CONFIG */
export function parseService(text: string): HostPort {
  const { host, port } = splitHostPort(PORT.test(text) ? `[::]:${text}` : text)
  const number = parsePort(port ?? '')
  if (number === undefined || !isHost(host))
    throw wrong('SERVICE', text, '[host:]serv such as 23461 or 192.0.2.1:23461')
  return { host, port: number }
}

function parseUri(text: string): PathProxy {
  const proxy = parseProxy(text)
  if (proxy !== undefined) return proxy
  const expected =
    'tcp://host[:port], socks://[user:password@]host[:port], http://… or https://…; in a password write %40 for @'
  // The text may hold a password.
  throw new NetError('ERR_CONFIG', `the URI of ${hostOf(text)} is not right; expected ${expected}`)
}

const hostOf = (text: string): string => `"${text.replace(/\/\/.*@/, '//…@').slice(0, 80)}"`

/** A variable that must be there. @throws {NetError} ERR_CONFIG */
function variable(env: Environment, name: string, says: string): string {
  const text = env[name]
  if (text === undefined || text === '') {
    throw new NetError('ERR_CONFIG', `${name} is missing from the environment: ${says}; expected ${UDP_FORM}`)
  }
  return text
}

const keyOf = (env: Environment): string => env['SOCKTOPUS_KEY'] || DEFAULT_KEY

function warnOfKey(env: Environment, otherwise: string): readonly string[] {
  const key = env['SOCKTOPUS_KEY']
  if (key) return isGuessable(key) ? [`SOCKTOPUS_KEY: ${GUESSABLE_WORDS}`] : []
  return [`SOCKTOPUS_KEY is not set, so the key is one that everybody knows: ${otherwise}; set the same at both ends`]
}

/** With URIs the connector, without them the listener. */
export interface SocktopusOptions {
  readonly env?: Environment
  readonly isRoot?: boolean
}

/**
 * The configuration that socktopus's command line and environment stand for: URIs, UDPLOC, UDPREM and SERVICE, and of our
 * own SOCKTOPUS_KEY and UDPALLOW.
 * @throws {NetError} ERR_CONFIG that names the URI or the variable.
 */
export function parseSocktopus(uris: readonly string[], options: SocktopusOptions = {}): TunnelConfig {
  const { env = process.env } = options
  const { values, warnings } = uris.length === 0 ? listener(env) : connector(uris, env)
  return parseValues({ log: 'info', ...values }, { ...options, env, file: 'socktopus', warnings })
}

interface Translated {
  readonly values: NativeValues
  readonly warnings: readonly string[]
}

function listener(env: Environment): Translated {
  const service = parseService(env['SERVICE'] || DEFAULT_PORT)
  const hasKey = Boolean(env['SOCKTOPUS_KEY'])
  const given = env['UDPALLOW']?.split(/[\s,]+/).filter(Boolean) ?? []
  for (const text of given) {
    if (TARGET.parse(text) === undefined) throw wrong('UDPALLOW', text, TARGET.expects)
  }
  const allow = given.length > 0 ? given : hasKey ? ANYWHERE : LOOPBACK
  const otherwise =
    given.length > 0 ? 'whoever connects may use it' : 'whoever connects may reach UDP ports of this machine'
  return {
    values: {
      mode: 'server',
      name: `socktopus-listener-${service.port}`,
      listen: formatEndpoint(service),
      users: [{ name: SERVICE, password: keyOf(env) }],
      services: [{ name: SERVICE, type: 'udp', allow }],
      scheduler: 'first-ready',
    },
    warnings: warnOfKey(env, otherwise),
  }
}

function connector(uris: readonly string[], env: Environment): Translated {
  const [destination, ...relays] = uris.map(parseUri)
  if (destination!.kind !== 'tcp') {
    throw new NetError(
      'ERR_CONFIG',
      `the first URI is the destination and must be tcp://host[:port]; proxies come after it`,
    )
  }
  const here = parseUdpEnds('UDPLOC', variable(env, 'UDPLOC', 'where datagrams are taken, and who sends them'))
  const there = parseUdpEnds('UDPREM', variable(env, 'UDPREM', 'where the listener is to send them'))
  const remote = formatEndpoint({ host: destination!.host, port: destination!.port })
  // The first path is used while it is clear, the others take what it cannot.
  const paths = [
    { name: 'direct', remote },
    ...relays.map((_, i) => ({ name: `relay-${i + 1}`, remote, proxy: uris[i + 1]!, role: 'secondary' })),
  ]
  const warnings = warnOfKey(env, 'the listener may be anybody, and leads to its own machine only')
  return {
    values: {
      mode: 'client',
      name: `socktopus-connector-${here.own.port}`,
      user: SERVICE,
      password: keyOf(env),
      paths,
      services: [
        {
          name: SERVICE,
          type: 'udp',
          listen: formatEndpoint(here.own),
          target: formatEndpoint(there.peer),
        },
      ],
      scheduler: 'first-ready',
    },
    warnings: isDefault(there.own) ? warnings : [...warnings, ownIgnored(there)],
  }
}

/** Of `192.0.2.8:1234` socktopus takes the host for the listener's own, which is seldom what is meant. */
const ownIgnored = ({ own, peer }: UdpEnds): string =>
  `UDPREM: the listener sends to ${formatEndpoint(peer)}, and from a port of its own choice instead of ${formatEndpoint(own)}; ` +
  `to send to ${formatEndpoint({ ...own, port: peer.port })} write 127.0.0.1:23461:${formatEndpoint({ ...own, port: peer.port })}`

/** What there is when nothing is said, and so not worth a word. */
const isDefault = ({ host, port }: HostPort): boolean => isLoopbackHost(host) && String(port) === DEFAULT_PORT
