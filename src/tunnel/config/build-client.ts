import type { z } from 'zod'
import { type Endpoint, formatEndpoint } from '../../transport/endpoint.ts'
import { isLoopbackHost } from './addresses.ts'
import { buildCommon, buildEndpoint } from './build-common.ts'
import type { CLIENT } from './client-schema.ts'
import type { Reading } from './reading.ts'
import type { ClientConfig, ClientService, PathConfig, TrustConfig } from './types.ts'

/** Letters; of random ones that is out of reach. */
const UNGUESSABLE = 16

/** Whether somebody with time may find a password, and what to say then. */
export const isGuessable = (password: string): boolean => password.length < UNGUESSABLE
export const GUESSABLE_WORDS =
  'so short a password can be guessed by whoever stands in between at the first login and plays the server: make it ' +
  `${UNGUESSABLE} letters that nobody would think of`

type ClientValues = z.output<typeof CLIENT>
type PathValues = ClientValues['paths'][number]
type ServiceValues = ClientValues['services'][number]

/** Turns what the schema has read into the configuration. */
export function buildClient(values: ClientValues, reading: Reading): ClientConfig {
  const common = buildCommon(values, reading)
  const { user, certificate } = values
  const paths = values.paths.flatMap((path, i) => buildPaths(path, i, reading))
  if (values.paths.length === 0) reading.fail(['paths'], 'a client needs a path: - { remote: "host:7000" }')
  const password = buildPassword(values, reading)
  warnOfGuessing(password, values, reading)
  const services = values.services.map((service, i) => buildService(service, ['services', i], reading))
  return {
    mode: 'client',
    ...common,
    user,
    password,
    trust: buildTrust(values.trust, reading),
    certificate:
      certificate === undefined
        ? undefined
        : {
            certificate: reading.resolveFile(['certificate', 'certificate'], certificate.certificate),
            key: reading.resolveFile(['certificate', 'key'], certificate.key),
          },
    paths,
    services,
    warnings: reading.warnings,
  }
}

/** Whoever plays the server before it is known gets something to try guesses against: docs/session-handshake.md. */
function warnOfGuessing(password: string, { trust, paths }: ClientValues, reading: Reading): void {
  if (trust !== undefined || !isGuessable(password)) return
  if (paths.every(({ remote }) => isLoopbackHost(remote.host))) return
  const key = reading.source.valueAt(['password']) === undefined ? 'password-file' : 'password'
  reading.warn([key], `${GUESSABLE_WORDS}, or say in trust how the server is known`)
}

function buildPassword(values: ClientValues, reading: Reading): string {
  const { password } = values
  const file = values['password-file']
  if (password === undefined && file === undefined)
    reading.fail([], 'the password is missing; give password or password-file')
  if (password !== undefined && file !== undefined) {
    reading.fail(['password-file'], 'there is a password as well; give one of the two')
  }
  return password ?? (file === undefined ? '' : reading.readSecret(['password-file'], file))
}

function buildTrust(trust: ClientValues['trust'], reading: Reading): TrustConfig {
  if (trust === undefined) return { by: 'password' }
  const { fingerprint, ca, name } = trust
  if ((fingerprint === undefined) === (ca === undefined))
    reading.fail(['trust'], 'give fingerprint or ca, one of the two')
  if (name !== undefined && ca === undefined) reading.fail(['trust', 'name'], 'a name goes with ca; remove it')
  return fingerprint === undefined
    ? { by: 'ca', ca: ca === undefined ? '' : reading.resolveFile(['trust', 'ca'], ca), name }
    : { by: 'fingerprint', fingerprints: fingerprint }
}

/** The connections of one entry; what limits it is shared among them. */
function buildPaths(values: PathValues, index: number, reading: Reading): readonly PathConfig[] {
  const { remote, connections, local, interface: device, proxy, via, tls, role, weight, quota, rate } = values
  const at = ['paths', index]
  if (via !== undefined && (local !== undefined || device !== undefined)) {
    reading.fail([...at, 'via'], 'via says interface and address by itself; remove local and interface')
  }
  const proxyCa = values['proxy-ca']
  if (proxyCa !== undefined && proxy?.kind !== 'https') {
    reading.fail([...at, 'proxy-ca'], 'it is for a proxy with https://; remove it')
  }
  if (!tls && !isLoopbackHost(remote.host)) {
    reading.warn(
      [...at, 'tls'],
      'tls: false towards another machine: everything is readable and changeable on the way, and whoever listens in ' +
        'may join. Only for a link that you trust',
    )
  }
  const name = values.name ?? `path-${index + 1}`
  return Array.from(
    { length: connections },
    (_, i): PathConfig => ({
      name: connections === 1 ? name : `${name}-${i + 1}`,
      remote,
      local,
      interface: device,
      proxy,
      proxyCa: proxyCa === undefined ? undefined : reading.resolveFile([...at, 'proxy-ca'], proxyCa),
      via: via === undefined ? undefined : { interface: via.interface, ip: via.ip, gateway: via.gateway },
      tls,
      role,
      weight: weight / connections,
      quota: quota === undefined ? undefined : { ...quota, bytes: Math.ceil(quota.bytes / connections) },
      rate: rate === undefined ? undefined : Math.ceil(rate / connections),
      connectTimeout: values['connect-timeout'],
    }),
  )
}

function buildService(service: ServiceValues, path: readonly PropertyKey[], reading: Reading): ClientService {
  const { name } = service
  const common = { name, service: service.service ?? name, maxStreams: service['max-streams'], rate: service.rate }
  switch (service.type) {
    case 'tcp': {
      const listen = buildEndpoint(service.listen, [...path, 'listen'], reading)
      return { ...common, type: 'tcp', listen, target: targetOf(service.target) }
    }
    case 'udp': {
      const { listen, idle } = service
      return { ...common, type: 'udp', listen, target: targetOf(service.target), idle }
    }
    default: {
      const { type } = service
      const listen = buildEndpoint(service.listen, [...path, 'listen'], reading)
      if (!('path' in listen) && !isLoopbackHost(listen.host)) {
        reading.warn([...path, 'listen'], 'whoever reaches this address may use the proxy; 127.0.0.1 keeps it here')
      }
      return { ...common, type, listen }
    }
  }
}

const targetOf = (target: Endpoint | undefined): string => (target === undefined ? '' : formatEndpoint(target))
