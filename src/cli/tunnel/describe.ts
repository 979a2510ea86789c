import type { Endpoint } from '../../transport/endpoint.ts'
import { formatHostPort } from '../../transport/host-port.ts'
import { formatProxy } from '../../transport/proxy.ts'
import type {
  ClientConfig,
  ClientService,
  ListenerConfig,
  PathConfig,
  ServerConfig,
  ServerService,
  TunnelConfig,
  UserConfig,
} from '../../tunnel/config/types.ts'
import { formatBytes, formatRate, formatSeconds, plural } from '../units.ts'

/** A word for what a line is about, and the line; an empty word goes on with the one before. */
type Row = readonly [label: string, text: string]

/** What a configuration would do, in words, one line each. */
export function describeConfig(config: TunnelConfig): readonly string[] {
  const rows = config.mode === 'server' ? serverRows(config) : clientRows(config)
  const all = [...rows, ...commonRows(config)]
  const width = Math.max(...all.map(([label]) => label.length))
  return all.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`)
}

const labelled = (label: string, lines: readonly string[]): readonly Row[] =>
  lines.map((line, i) => [i === 0 ? label : '', line])

const address = (endpoint: Endpoint): string => ('path' in endpoint ? endpoint.path : formatHostPort(endpoint))

/** `; at most 100 Mbit/s, 5 streams`, or nothing. */
function limits(of: { readonly rate?: number | undefined; readonly maxStreams: number | undefined }): string {
  const words = [
    ...(of.rate === undefined ? [] : [formatRate(of.rate)]),
    ...(of.maxStreams === undefined ? [] : [plural(of.maxStreams, 'stream')]),
  ]
  return words.length === 0 ? '' : `; at most ${words.join(', ')}`
}

function serverRows(config: ServerConfig): readonly Row[] {
  const from = config.allow.join(', ')
  return [
    ...labelled('listens', config.listeners.map(listenerLine)),
    ['takes', from === '' ? 'paths from every address' : `paths from ${from} only`],
    ...labelled('lets in', config.users.map(userLine)),
    ...labelled('serves', config.services.map(serverServiceLine)),
  ]
}

function listenerLine(listener: ListenerConfig): string {
  const { tls } = listener
  const at = formatHostPort(listener)
  if (tls === false) return `${at}, in the clear`
  const own =
    tls.certificate === undefined ? 'a certificate of its own, made at first start' : tls.certificate.certificate
  return `${at}, TLS 1.3 with ${own}${tls.clientCa === undefined ? '' : `; clients show one of ${tls.clientCa}`}`
}

function userLine(user: UserConfig): string {
  const services = user.services === undefined ? 'all services' : user.services.join(', ') || 'no service'
  const at = user.targets === undefined ? '' : ` to ${user.targets.join(', ')}`
  const counts = [
    ...(user.maxSessions === undefined ? [] : [plural(user.maxSessions, 'session')]),
    ...(user.maxPaths === undefined ? [] : [plural(user.maxPaths, 'path')]),
  ]
  return `${user.name}: ${services}${at}${counts.length === 0 ? '' : `; ${counts.join(', ')}`}${limits(user)}`
}

function serverServiceLine(service: ServerService): string {
  switch (service.type) {
    case 'tcp': {
      const { pool, proxyProtocol } = service
      const ready = pool === undefined ? '' : `, ${plural(pool.count, 'connection')} ready`
      const header = proxyProtocol === undefined ? '' : `, PROXY protocol ${proxyProtocol}`
      return `${service.name}: TCP to ${address(service.connect)}${ready}${header}${limits(service)}`
    }
    case 'udp': {
      const to = service.connect === undefined ? targets(service) : formatHostPort(service.connect)
      return `${service.name}: UDP to ${to}${limits(service)}`
    }
    case 'bench':
      return `${service.name}: what gotcp tunnel bench measures with${limits(service)}`
    case 'proxy':
      return `${service.name}: TCP to ${targets(service)}${limits(service)}`
  }
}

function targets({ allow, deny }: { readonly allow: readonly string[]; readonly deny: readonly string[] }): string {
  const but = deny.length === 0 ? '' : `, but not ${deny.join(', ')}`
  return `what the client asks for of ${allow.join(', ') || 'nothing'}${but}`
}

function clientRows(config: ClientConfig): readonly Row[] {
  const { trust } = config
  const known = {
    password: 'by the password, which it proves on this very connection',
    fingerprint: 'by the fingerprint of its certificate',
    ca: `by a certificate of ${trust.by === 'ca' ? trust.ca : ''}`,
  }
  return [
    ['is', `${config.user} to the server, which is known ${known[trust.by]}`],
    ...labelled('paths', config.paths.map(pathLine)),
    ...labelled('listens', config.services.map(clientServiceLine)),
  ]
}

/** As bills have it: `10 GB`. */
const decimal = (bytes: number): string =>
  bytes >= 1e9 ? `${Number((bytes / 1e9).toPrecision(3))} GB` : `${Number((bytes / 1e6).toPrecision(3))} MB`

function pathLine(path: PathConfig): string {
  const { name, remote, local, proxy, via, tls, role, quota, rate } = path
  const words = [
    ...(local === undefined ? [] : [`from ${local}`]),
    ...(path.interface === undefined ? [] : [`by ${path.interface}`]),
    ...(via === undefined ? [] : [`by our own stack at ${via.ip} on ${via.interface}`]),
    ...(proxy === undefined ? [] : [`through ${formatProxy(proxy)}`]),
    ...(tls ? [] : ['in the clear']),
    ...(role === 'primary' ? [] : [role]),
    ...(rate === undefined ? [] : [`at most ${formatRate(rate)}`]),
    ...(quota === undefined ? [] : [`${decimal(quota.bytes)} a ${quota.period}`]),
  ]
  return `${name}: to ${formatHostPort(remote)}${words.map((word) => `, ${word}`).join('')}`
}

function clientServiceLine(service: ClientService): string {
  const { name, type, service: there } = service
  const at = address(service.listen)
  const as = { tcp: 'TCP', udp: 'UDP', socks5: 'SOCKS5', http: 'HTTP CONNECT' }[type]
  const target = 'target' in service && service.target !== '' ? ` for ${service.target}` : ''
  return `${name}: ${as} on ${at}, leads to the service ${there}${target}${limits(service)}`
}

function commonRows(config: TunnelConfig): readonly Row[] {
  const { log, control, metrics, state, scheduler, window, freeze } = config
  return [
    [
      'sends',
      `by ${scheduler}; window ${formatBytes(window)}; streams wait ${formatSeconds(freeze / 1000)} for a path`,
    ],
    ['logs', `${log.level} and above to ${log.file ?? 'stderr'}${log.format === 'json' ? ', as JSON' : ''}`],
    ['keeps', `its state in ${state}`],
    ['answers', control === undefined ? 'no commands' : `commands at ${control}`],
    ...(metrics === undefined ? [] : [['', `Prometheus at http://${formatHostPort(metrics)}/metrics`] as const]),
  ]
}
