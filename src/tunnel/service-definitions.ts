import type { UserOptions } from './auth/users.ts'
import { formatEndpoint } from './config/addresses.ts'
import type { ClientService, ServerService, UserConfig } from './config/types.ts'
import type { ServiceDefinition } from './services/services.ts'

/** What a client's service of the configuration is to the code that runs it. */
export function clientDefinition(service: ClientService): ServiceDefinition {
  const { name, service: theirs } = service
  const listen = formatEndpoint(service.listen)
  switch (service.type) {
    case 'tcp':
      return { type: 'tcp', name, listen, service: theirs, target: service.target }
    default:
      throw new Error(`not yet: ${service.type}`)
  }
}

/** The same for a server's. */
export function serverDefinition(service: ServerService): ServiceDefinition {
  const { name } = service
  switch (service.type) {
    case 'tcp':
      return { type: 'tcp', name, connect: formatEndpoint(service.connect), timeout: service.connectTimeout }
    default:
      throw new Error(`not yet: ${service.type}`)
  }
}

/** Who a user of the configuration is to the one who checks passwords. */
export function userOptions({
  name,
  secret,
  services,
  maxSessions,
  maxPaths,
  maxStreams,
  rate,
}: UserConfig): UserOptions {
  return {
    name,
    ...secret,
    ...(services === undefined ? {} : { services }),
    ...(maxSessions === undefined ? {} : { maxSessions }),
    ...(maxPaths === undefined ? {} : { maxPaths }),
    ...(maxStreams === undefined ? {} : { maxStreams }),
    ...(rate === undefined ? {} : { rate }),
  }
}
