import { dirname, join } from 'node:path'
import type { z } from 'zod'
import { globMatcher } from '../auth/glob.ts'
import { isLoopbackHost } from './addresses.ts'
import { buildCommon, buildEndpoint } from './build-common.ts'
import { problemsOf } from './issues.ts'
import type { Reading } from './reading.ts'
import { type SERVER, USERS } from './server-schema.ts'
import { Source } from './source.ts'
import type { ListenerConfig, ListenerTls, ServerConfig, ServerLimits, ServerService, UserConfig } from './types.ts'

type ServerValues = z.output<typeof SERVER>
type UserValues = z.output<typeof USERS>[number]
type ServiceValues = ServerValues['services'][number]
type TlsValues = ServerValues['tls']

/** Turns what the schema has read into the configuration. */
export function buildServer(values: ServerValues, reading: Reading): ServerConfig {
  const common = buildCommon(values, reading)
  const listeners = values.listen.map((listen, i): ListenerConfig => {
    const { address, tls } = 'address' in listen ? listen : { address: listen, tls: undefined }
    const listener = {
      ...address,
      tls: buildTls(tls ?? values.tls, tls === undefined ? ['tls'] : ['listen', i, 'tls'], reading),
    }
    if (listener.tls === false && !isLoopbackHost(address.host)) warnOfClear(['listen', i], reading)
    return listener
  })
  const users = [
    ...values.users.map((user, i) => buildUser(user, ['users', i], reading)),
    ...readUsers(values['users-file'], reading),
  ]
  const services = values.services.map((service, i) => buildService(service, ['services', i], reading))
  checkUsers(users, services, reading)
  const limits = buildLimits(values.limits)
  const { warnings } = reading
  return { mode: 'server', ...common, listeners, users, allow: values.allow, limits, services, warnings }
}

const buildLimits = (limits: ServerValues['limits']): ServerLimits => ({
  halfOpen: limits['half-open'],
  halfOpenPerAddress: limits['half-open-per-address'],
  handshakeTimeout: limits['handshake-timeout'],
  connectionRate: limits['connection-rate'],
  connectionBurst: limits['connection-burst'],
  banAfter: limits['ban-after'],
  banFor: limits['ban-for'],
  maxSessions: limits['max-sessions'],
  maxSessionsPerUser: limits['max-sessions-per-user'],
  maxPaths: limits['max-paths'],
  maxStreams: limits['max-streams'],
})

function buildTls(tls: TlsValues, path: readonly PropertyKey[], reading: Reading): ListenerTls | false {
  if (tls === false) return false
  const { certificate, key } = tls ?? {}
  const clientCa = tls?.['client-ca']
  if ((certificate === undefined) !== (key === undefined)) {
    reading.fail(path, 'certificate and key go together: name both files, or neither')
  }
  const files =
    certificate === undefined || key === undefined
      ? undefined
      : {
          certificate: reading.resolveFile([...path, 'certificate'], certificate),
          key: reading.resolveFile([...path, 'key'], key),
        }
  return {
    certificate: files,
    clientCa: clientCa === undefined ? undefined : reading.resolveFile([...path, 'client-ca'], clientCa),
  }
}

const warnOfClear = (path: readonly PropertyKey[], reading: Reading): void =>
  reading.warn(
    path,
    'tls: false on an address that other machines reach: everything is readable and changeable on the way, and whoever ' +
      'listens in may join. Only for a link that you trust',
  )

function buildUser(user: UserValues, path: readonly PropertyKey[], reading: Reading): UserConfig {
  const { name, password, scram, services, targets, rate } = user
  const file = user['password-file']
  const given = [password, file, scram].filter((secret) => secret !== undefined).length
  if (given !== 1) {
    const now =
      given === 0
        ? 'has no password; give one of password, password-file and scram'
        : 'has more than one of password, password-file and scram; keep one'
    reading.fail(path, `the user "${name}" ${now}`)
  }
  const secret =
    scram !== undefined
      ? { scram }
      : { password: password ?? (file === undefined ? '' : reading.readSecret([...path, 'password-file'], file)) }
  return {
    name,
    secret,
    services,
    targets,
    maxSessions: user['max-sessions'],
    maxPaths: user['max-paths'],
    maxStreams: user['max-streams'],
    rate,
  }
}

/** The users of a file of their own; its mistakes carry its name. */
function readUsers(name: string | undefined, reading: Reading): readonly UserConfig[] {
  const text = name === undefined ? undefined : reading.read(['users-file'], name)
  if (name === undefined || text === undefined) return []
  reading.warnIfOpen(['users-file'], name)
  const source = new Source(join(dirname(reading.source.file), name), text, reading.origin.env)
  const result = USERS.safeParse(source.value)
  reading.problems.push(...source.problems)
  if (!result.success) {
    if (source.problems.length === 0 || source.value !== undefined)
      reading.problems.push(...result.error.issues.flatMap((issue) => problemsOf(issue, source, 'server')))
    return []
  }
  const inner = reading.of(source)
  return result.data.map((user, i) => buildUser(user, [i], inner))
}

function buildService(service: ServiceValues, path: readonly PropertyKey[], reading: Reading): ServerService {
  const rate = 'rate' in service ? service.rate : undefined
  const common = { name: service.name, maxStreams: service['max-streams'], rate }
  switch (service.type) {
    case 'tcp': {
      const { type, connect, pool } = service
      const connectTimeout = service['connect-timeout']
      const to = buildEndpoint(connect, [...path, 'connect'], reading)
      return { ...common, type, connect: to, connectTimeout, pool, proxyProtocol: service['proxy-protocol'] }
    }
    case 'udp': {
      const { type, connect, allow, deny, idle } = service
      if (connect === undefined && allow.length === 0) reading.fail(path, 'leads nowhere; say connect, or allow')
      if (connect !== undefined && allow.length > 0) {
        reading.fail([...path, 'allow'], 'the service has a connect, so no client may choose; remove one of the two')
      }
      return { ...common, type, connect, allow, deny, idle }
    }
    case 'bench':
      return { ...common, type: service.type }
    case 'proxy': {
      const { type, allow, deny } = service
      if (allow.some((rule) => /^\*:(\*|\d+-\d+)$/.test(rule))) {
        reading.warn(
          [...path, 'allow'],
          'every client may reach whatever this machine reaches, others in its network included; deny shuts networks',
        )
      }
      return { ...common, type, allow, deny, connectTimeout: service['connect-timeout'] }
    }
  }
}

/** Whether users and services know each other. */
function checkUsers(users: readonly UserConfig[], services: readonly ServerService[], reading: Reading): void {
  if (users.length === 0 && reading.problems.length === 0) {
    reading.fail([], 'nobody may connect; add users: [{ name: ada, password: … }], or a users-file')
  }
  for (const [i, { name }] of services.entries()) {
    const isForSomebody = users.some(
      (user) => user.services === undefined || user.services.some((pattern) => globMatcher(pattern)(name)),
    )
    if (!isForSomebody && users.length > 0) reading.warn(['services', i], `no user may open "${name}"`)
  }
}
