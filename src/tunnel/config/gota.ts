import { isIP } from 'node:net'
import { z } from 'zod'
import { formatEndpoint } from '../../transport/endpoint.ts'
import { type HostPort, splitHostPort } from '../../transport/host-port.ts'
import { buildClient } from './build-client.ts'
import { buildServer } from './build-server.ts'
import { CLIENT } from './client-schema.ts'
import { problemsOf } from './issues.ts'
import { defaulted, type Kind, listOf, mapping, optional, required } from './key.ts'
import { choice, integer, listen, NETWORK, PROXY, remote, TEXT } from './kinds.ts'
import type { Reading } from './reading.ts'
import { textOf } from './scalar.ts'
import { SERVER } from './server-schema.ts'
import type { LogLevel, TunnelConfig } from './types.ts'

/** Both ends of a Gota tunnel speak of the one service it has. */
const SERVICE = 'gota'
/** What Gota has without an `auth`. */
const DEFAULT_LOGIN = { username: 'gota', password: 'gota' }

/** Whether this is a file of Gota's: it has keys that only Gota knows, and none that only we know. */
export function isGota(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const keys = Object.keys(value).map((key) => key.toLowerCase())
  const has = (...names: readonly string[]): boolean => names.some((name) => keys.includes(name))
  return has('tunnel', 'auth', 'whiteips', 'fastopen') && !has('services', 'paths', 'users')
}

/** Go's net package takes an empty host for this machine. */
const completed = (text: unknown): unknown =>
  typeof text === 'string' && /^:\d/.test(text) ? `127.0.0.1${text}` : text

const MODE = choice('server', 'client')
const LISTEN = listen('127.0.0.1:12363')
const REMOTE = remote('127.0.0.1:8080')
const DIALED: Kind<HostPort> = { ...REMOTE, parse: (value) => REMOTE.parse(completed(value)) }

/** viper makes text of a number. */
const LOGIN: Kind<string> = {
  ...TEXT,
  parse: (value) => (typeof value === 'object' ? undefined : TEXT.parse(textOf(value))),
}

/** As Go's strconv and YAML 1.1 have it. */
const SWITCH: Kind<boolean> = {
  expects: 'true or false',
  parse: (value) =>
    /^(1|t|true|y|yes|on)$/i.test(textOf(value))
      ? true
      : /^(0|f|false|n|no|off)$/i.test(textOf(value))
        ? false
        : undefined,
}

const LEVELS: ReadonlyMap<string, LogLevel> = new Map<string, LogLevel>(
  Object.entries({
    debug: 'debug',
    info: 'info',
    warn: 'warn',
    warning: 'warn',
    error: 'error',
    fatal: 'error',
    panic: 'error',
  }),
)
/** An unknown level is debug, with Gota as well. */
const LEVEL: Kind<LogLevel> = {
  expects: 'one of debug, info, warn, error, fatal, panic',
  parse: (value) => (typeof value === 'string' ? (LEVELS.get(value.toLowerCase()) ?? 'debug') : undefined),
}

/** `192.0.2.3:0`: where to connect from. */
const LOCAL: Kind<string> = {
  expects: 'an address of this machine such as 192.0.2.3:0',
  parse: (value) => {
    const { host, port } = splitHostPort(textOf(value))
    const ip = isIP(textOf(value)) === 0 ? host : textOf(value)
    return isIP(ip) !== 0 && (port === undefined || ip === value || port === '0') ? ip : undefined
  },
  fix: () => 'the port must be 0: several connections cannot share another',
}

/** Checked here, read later. */
const PROXY_TEXT: Kind<string> = {
  ...PROXY,
  parse: (value) => (PROXY.parse(value) === undefined ? undefined : textOf(value)),
}

const AUTH = mapping({
  username: defaulted(LOGIN, DEFAULT_LOGIN.username, ''),
  password: defaulted(LOGIN, DEFAULT_LOGIN.password, ''),
})
const POOL = mapping({
  enable: defaulted(SWITCH, false, ''),
  count: defaulted(integer(1, 1000), 10, ''),
  keepalive: defaulted(integer(0, 86_400), 0, ''),
})
const COMMON = {
  mode: optional(MODE, '', ''),
  log: optional(LEVEL, '', ''),
  auth: AUTH.default(DEFAULT_LOGIN),
  verbose: optional(SWITCH, '', ''),
  fastopen: optional(SWITCH, '', ''),
}
const GOTA_SERVER = z.object({
  ...COMMON,
  remote: required(DIALED, ''),
  tunnel: z.array(z.object({ listen: required(listen('127.0.0.1:12333'), '') })),
  whiteips: listOf(required(NETWORK, '')).default([]),
  pool: POOL.default({ enable: false, count: 10, keepalive: 0 }),
})
const GOTA_CLIENT = z.object({
  ...COMMON,
  listen: required(LISTEN, ''),
  tunnel: z.array(
    z.object({ remote: required(DIALED, ''), local: optional(LOCAL, '', ''), proxy: optional(PROXY_TEXT, '', '') }),
  ),
})
const KNOWN: ReadonlySet<string> = new Set([...Object.keys(GOTA_SERVER.shape), ...Object.keys(GOTA_CLIENT.shape)])
/** The keys that viper lets the environment override. */
const FROM_ENVIRONMENT: Readonly<Record<string, Kind<unknown>>> = {
  mode: MODE,
  log: LEVEL,
  verbose: SWITCH,
  listen: LISTEN,
  remote: DIALED,
  fastopen: SWITCH,
}

type Mapping = Readonly<Record<string, unknown>>

/** viper does not tell capitals from small letters. */
function lowered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowered)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key.toLowerCase(), lowered(part)]))
}

/** The values of the file, with those of the environment before them. */
function withEnvironment(values: Mapping, reading: Reading): Mapping {
  const overrides: Record<string, string> = {}
  for (const [key, kind] of Object.entries(FROM_ENVIRONMENT)) {
    const variable = key.toUpperCase()
    const text = reading.origin.env[variable] ?? ''
    if (text === '') continue
    if (kind.parse(text) !== undefined) {
      overrides[key] = text
      reading.warn([], `${variable}=${text} in the environment goes before "${key}" in the file, as with Gota`)
    } else if (kind === MODE) {
      reading.warn([], `MODE=${text} in the environment is neither server nor client; it is ignored`)
    } else reading.fail([], `${variable} in the environment: found ${JSON.stringify(text)}; expected ${kind.expects}`)
  }
  return { ...values, ...overrides }
}

/** Gota only logs a mode that is not there; what the file says beside it tells which end it is. */
function modeOf(values: Mapping): unknown {
  if (values['mode'] !== undefined) return values['mode']
  return values['remote'] === undefined ? 'client' : 'server'
}

/**
 * Reads a file of Gota's: the same service, between two ends of ours. Undefined with the mistakes noted when it does not
 * make sense; keys that nobody knows are warned of, for Gota ignores them.
 */
export function readGota(reading: Reading): TunnelConfig | undefined {
  const values = withEnvironment(lowered(reading.source.value) as Mapping, reading)
  for (const key of Object.keys(values))
    if (!KNOWN.has(key)) reading.warn([key], `"${key}" is no key of Gota's; it is ignored`)
  const mode = modeOf(values)
  if (mode === 'server') return readServer(values, reading)
  if (mode === 'client') return readClient(values, reading)
  reading.fail(['mode'], `found ${JSON.stringify(mode)}; expected server or client`)
  return undefined
}

function validate<T>(
  schema: z.ZodType<T>,
  values: Mapping,
  reading: Reading,
  mode: 'server' | 'client',
): T | undefined {
  const result = schema.safeParse(values)
  if (result.success) return result.data
  const problems = result.error.issues.flatMap((issue) => problemsOf(issue, reading.source, mode))
  reading.problems.push(...problems)
  return undefined
}

function warnOfLogin({ username, password }: typeof DEFAULT_LOGIN, reading: Reading): void {
  if (username === DEFAULT_LOGIN.username && password === DEFAULT_LOGIN.password) {
    reading.warn(['auth'], "the password is Gota's own, which everybody knows; choose another, at both ends")
  }
}

function readServer(values: Mapping, reading: Reading): TunnelConfig | undefined {
  const gota = validate(GOTA_SERVER, values, reading, 'server')
  if (gota === undefined) return undefined
  const { remote: to, tunnel, auth, whiteips, pool, log } = gota
  warnOfLogin(auth, reading)
  const { count, keepalive, enable } = pool
  const service = { name: SERVICE, type: 'tcp', connect: formatEndpoint(to) }
  const native = {
    mode: 'server',
    log: log ?? 'debug',
    listen: tunnel.map((entry) => formatEndpoint(entry.listen)),
    users: [{ name: auth.username, password: auth.password }],
    allow: whiteips,
    services: [enable ? { ...service, pool: { count, keepalive } } : service],
  }
  const config = validate(SERVER, native, reading, 'server')
  return config === undefined ? undefined : buildServer(config, reading)
}

function readClient(values: Mapping, reading: Reading): TunnelConfig | undefined {
  const gota = validate(GOTA_CLIENT, values, reading, 'client')
  if (gota === undefined) return undefined
  const { listen: from, tunnel, auth, log } = gota
  warnOfLogin(auth, reading)
  const native = {
    mode: 'client',
    log: log ?? 'debug',
    user: auth.username,
    password: auth.password,
    paths: tunnel.map(({ remote: to, local, proxy }, i) => ({
      name: `tunnel-${i + 1}`,
      remote: formatEndpoint(to),
      ...(local === undefined ? {} : { local }),
      ...(proxy === undefined ? {} : { proxy }),
    })),
    services: [{ name: SERVICE, type: 'tcp', listen: formatEndpoint(from) }],
  }
  const config = validate(CLIENT, native, reading, 'client')
  return config === undefined ? undefined : buildClient(config, reading)
}
