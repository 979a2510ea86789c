import { formatEndpoint } from '../transport/endpoint.ts'
import type { UserOptions } from './auth/users.ts'
import type { ClientService, PingConfig, ServerService, UserConfig } from './config/types.ts'
import type { ServiceDefinition } from './services/services.ts'

/** What a client's service of the configuration is to the code that runs it. */
export function clientDefinition(service: ClientService): ServiceDefinition {
  const common = { name: service.name, service: service.service, listen: formatEndpoint(service.listen) }
  switch (service.type) {
    case 'tcp':
      return { type: 'tcp', ...common, target: service.target, ...most(service) }
    case 'udp':
      return {
        type: 'udp',
        ...common,
        idle: service.idle,
        ...(service.target === '' ? {} : { target: service.target }),
        ...mostFlows(service),
      }
    default:
      return { type: service.type, ...common, ...most(service) }
  }
}

/** The same for a server's. */
export function serverDefinition(service: ServerService): ServiceDefinition {
  const { name } = service
  switch (service.type) {
    case 'tcp':
      return {
        type: 'tcp',
        name,
        connect: formatEndpoint(service.connect),
        timeout: service.connectTimeout,
        ...most(service),
        ...(service.pool === undefined ? {} : { pool: service.pool }),
        ...(service.proxyProtocol === undefined ? {} : { proxyProtocol: service.proxyProtocol }),
      }
    case 'udp':
      return {
        type: 'udp',
        name,
        idle: service.idle,
        ...(service.connect === undefined
          ? { allow: service.allow, deny: service.deny }
          : { connect: formatEndpoint(service.connect) }),
        ...mostFlows(service),
      }
    case 'proxy':
      return {
        type: 'proxy',
        name,
        allow: service.allow,
        deny: service.deny,
        timeout: service.connectTimeout,
        ...most(service),
      }
    case 'bench':
      return { type: 'bench', name, ...most(service) }
  }
}

/** Milliseconds there, microseconds in the session. */
export const pingTimes = ({ active, idle }: PingConfig) => ({ busy: active * 1000, idle: idle * 1000 })

/** Who a user of the configuration is to the one who checks passwords. */
export function userOptions({
  name,
  secret,
  services,
  targets,
  maxSessions,
  maxPaths,
  maxStreams,
  rate,
}: UserConfig): UserOptions {
  return {
    name,
    ...secret,
    ...(services === undefined ? {} : { services }),
    ...(targets === undefined ? {} : { targets }),
    ...(maxSessions === undefined ? {} : { maxSessions }),
    ...(maxPaths === undefined ? {} : { maxPaths }),
    ...(maxStreams === undefined ? {} : { maxStreams }),
    ...(rate === undefined ? {} : { rate }),
  }
}

type Limits = Pick<ServerService, 'maxStreams' | 'rate'>

const most = ({ maxStreams, rate }: Limits) => ({
  ...(maxStreams === undefined ? {} : { maxConnections: maxStreams }),
  ...(rate === undefined ? {} : { rate }),
})

const mostFlows = ({ maxStreams, rate }: Limits) => ({
  ...(maxStreams === undefined ? {} : { maxFlows: maxStreams }),
  ...(rate === undefined ? {} : { rate }),
})
