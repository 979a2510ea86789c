import { parseHostPort } from '../../transport/host-port.ts'
import type { ClientConfig, ServerConfig } from '../../tunnel/config/types.ts'
import type { Daemon } from '../../tunnel/daemon.ts'
import type { TunnelStatus } from '../../tunnel/status.ts'
import type { Io } from '../io.ts'

/** Says on stderr what runs where, and what the other side needs; `otherSide` is that, where it is no file. */
export function announce(daemon: Daemon, { output }: Io, otherSide?: readonly string[]): void {
  const { config } = daemon
  const status = daemon.status()
  const lines = config.mode === 'server' ? serverLines(config, status) : clientLines(config, status)
  const others = otherSide ?? (config.mode === 'server' ? forTheOtherSide(config, status) : [])
  for (const line of [...lines, ...commonLines(status), ...others]) output.note(line)
  output.record('start', {
    name: status.name,
    mode: status.mode,
    pid: status.pid,
    listening: status.listening,
    fingerprints: status.fingerprints,
    services: status.services.map(({ name, kind, listening, target }) => ({ name, kind, listening, target })),
    control: status.control,
    metrics: status.metrics,
  })
}

function commonLines({ control, metrics }: TunnelStatus): readonly string[] {
  return [
    ...(control === null ? [] : [`  control      ${control}`]),
    ...(metrics === null ? [] : [`  metrics      http://${metrics}/metrics`]),
  ]
}

const isClear = (config: ServerConfig): boolean => config.listeners.some(({ tls }) => tls === false)

function serverLines(config: ServerConfig, status: TunnelStatus): readonly string[] {
  return [
    `listening on ${status.listening.join(', ')} (${isClear(config) ? 'not encrypted everywhere' : 'TLS 1.3'})`,
    ...status.fingerprints.map((fingerprint) => `  fingerprint  ${fingerprint}`),
    ...status.services.map(({ name, target }) => `  service      ${name} -> ${target ?? 'where the client asks'}`),
  ]
}

/** A file that gets somebody in; the password is his, and is printed nowhere. */
function forTheOtherSide(config: ServerConfig, { listening, fingerprints }: TunnelStatus): readonly string[] {
  const [user] = config.users
  const place = parseHostPort(listening[0] ?? '')
  if (user === undefined || place === undefined) return []
  const isAny = place.host === '0.0.0.0' || place.host === '::'
  const remote = isAny ? `THIS-HOST:${place.port}` : listening[0]!
  const fingerprint = fingerprints[0]
  const services = config.services.flatMap((service, i) => clientService(service, 8080 + i))
  return [
    'on the other side, as client.yaml for gotcp tunnel client -c client.yaml:',
    '  mode: client',
    `  user: ${user.name}`,
    '  password: "…"',
    ...(fingerprint === undefined ? [] : [`  trust: { fingerprint: "${fingerprint}" }`]),
    `  paths: [{ name: one, remote: "${remote}"${isClear(config) ? ', tls: false' : ''} }]`,
    `  services: [${services.join(', ')}]`,
  ]
}

function clientService({ name, type }: ServerConfig['services'][number], port: number): readonly string[] {
  if (type === 'bench') return []
  const kind = type === 'proxy' ? 'socks5' : type
  return [`{ name: ${name}, type: ${kind}, listen: "127.0.0.1:${port}" }`]
}

function clientLines(config: ClientConfig, status: TunnelStatus): readonly string[] {
  const farNames = new Map(config.services.map(({ name, service }) => [name, service]))
  return [
    `${config.user} connects by ${config.paths.map(({ name }) => name).join(', ') || 'no path'}`,
    ...status.services.map(
      ({ name, listening, kind }) => `  service      ${listening} (${kind}) leads to ${farNames.get(name) ?? name}`,
    ),
  ]
}
