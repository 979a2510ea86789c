import { NetError } from '../../base/errors.ts'
import { type PathRole, ROLES } from '../../session/records/frame.ts'
import { ClientSide } from '../client-side.ts'
import type { TunnelConfig } from '../config/types.ts'
import type { Log } from '../log.ts'
import type { ReloadReport } from '../reload.ts'
import type { LivePath, Side } from '../side.ts'
import type { TunnelStatus } from '../status.ts'
import { runBench } from './bench.ts'
import type { ControlRequest } from './control-protocol.ts'
import { readPaths } from './read-paths.ts'

/** What commands need of a daemon. */
interface Commanded {
  readonly config: TunnelConfig
  readonly side: Side
  readonly log: Log
  readonly open: number
  status(): TunnelStatus
  reload(): Promise<ReloadReport>
  stop(drain?: number): Promise<void>
}

type Arguments = Readonly<Record<string, unknown>>
type DaemonCommand = (daemon: Commanded, args: Arguments) => unknown

/** Milliseconds that an answer to a ping is waited for. */
const PING_PATIENCE = 5000
const MAX_WEIGHT = 1_000_000
const MOST_SECONDS = 600
const MOST_STREAMS = 1000

/** What a daemon does when it is asked on its control socket. */
const COMMANDS: Readonly<Record<string, DaemonCommand>> = {
  /** Whether it lives, and who it is. */
  hello: ({ config: { name, mode } }) => ({ name, mode, pid: process.pid }),
  status: (daemon) => daemon.status(),
  reload: (daemon) => daemon.reload(),
  /** Answers, and then begins to end: with nothing open the process is gone before anything else could be said. */
  stop: (daemon, args) => {
    const drain = numberOf(args, 'drain', Number.MAX_SAFE_INTEGER)
    setImmediate(() => void daemon.stop(drain))
    return { open: daemon.open }
  },
  'paths-add': ({ side, config, log }, { path }) => {
    if (typeof path !== 'object' || path === null) throw invalid('"path" is a mapping, as in the file of a client')
    const client = clientOf(side)
    const paths = readPaths(path as Arguments, config.file)
    const taken = paths.find(({ name }) => client.client.path(name) !== undefined)
    if (taken !== undefined) throw invalid(`There is a path "${taken.name}" already`)
    for (const each of paths) client.client.addPath(each)
    log.info('path added', { path: paths.map(({ name }) => name).join(', ') })
    return { added: paths.map(({ name }) => name) }
  },
  'paths-remove': ({ side, log }, args) => {
    const { client, name } = pathOf(side, args)
    client.client.removePath(name)
    log.info('path removed', { path: name })
    return { removed: name }
  },
  'paths-set': ({ side, log }, args) => {
    const { client, name } = pathOf(side, args)
    const role = roleOf(args)
    const weight = numberOf(args, 'weight', MAX_WEIGHT)
    if (weight === 0) throw invalid('"weight" is above 0; "role": "never" keeps a path out of use')
    client.setPath(name, { role, weight })
    log.info('path set', { path: name, ...(role && { role }), ...(weight && { weight }) })
    return { path: name }
  },
  /** One round trip on each path, or on one; `rtt_ms` is null where no answer came in time. */
  ping: async ({ side }, args) => {
    const all = side.livePaths()
    const wanted = args['path'] === undefined ? all : all.filter(({ name }) => name === args['path'])
    if (wanted.length === 0 && args['path'] === undefined) throw new NetError('ENOTCONN', 'No path is up')
    if (wanted.length === 0) {
      if (side instanceof ClientSide) pathOf(side, { name: args['path'] })
      throw new NetError('ENOTCONN', `The path "${args['path']}" is not up; gotcp tunnel status says why`)
    }
    const patience = numberOf(args, 'timeout', PING_PATIENCE) ?? PING_PATIENCE
    return await Promise.all(wanted.map((path) => roundTrip(path, patience)))
  },
  /** Measures throughput, round trips and requests through the session; answers when it is done. */
  bench: async ({ side }, args) => {
    const host = clientOf(side).client.link.live?.session
    if (host === undefined)
      throw new NetError('ENOTCONN', 'There is no session to measure; gotcp tunnel status says why')
    const { service = 'bench', reverse = false } = args
    if (typeof service !== 'string' || service === '') throw invalid('"service" is the name of a service')
    if (typeof reverse !== 'boolean') throw invalid('"reverse" is true or false')
    const seconds = numberOf(args, 'seconds', MOST_SECONDS) ?? 5
    const streams = numberOf(args, 'streams', MOST_STREAMS) ?? 1
    if (seconds === 0 || !Number.isInteger(streams) || streams === 0)
      throw invalid('"seconds" and "streams" are above 0')
    return await runBench(host, { service, seconds, streams, reverse })
  },
}

/** @throws {NetError} what the asker is told; its code says of which kind it is. */
export async function answerRequest(daemon: Commanded, { command, ...args }: ControlRequest): Promise<unknown> {
  if (!Object.hasOwn(COMMANDS, command)) {
    throw invalid(`There is no command "${command}"; there are ${Object.keys(COMMANDS).join(', ')}`)
  }
  return await COMMANDS[command]!(daemon, args)
}

function roundTrip({ name, path, live }: LivePath, patience: number) {
  return new Promise<{ path: string; rtt_ms: number | null }>((resolve) => {
    const timer = setTimeout(() => resolve({ path: name, rtt_ms: null }), patience)
    live.session.ping(path, (rtt) => {
      clearTimeout(timer)
      resolve({ path: name, rtt_ms: rtt / 1000 })
    })
  })
}

function clientOf(side: Side): ClientSide {
  if (side instanceof ClientSide) return side
  throw invalid('This is the server, whose clients make paths and sessions; ask the client')
}

function pathOf(side: Side, { name }: Arguments) {
  const client = clientOf(side)
  if (typeof name !== 'string') throw invalid('"name" is the name of a path')
  if (client.client.path(name) !== undefined) return { client, name }
  const names = client.client.paths.map((path) => path.name).join(', ')
  throw invalid(`There is no path "${name}"${names === '' ? '' : `; there are ${names}`}`)
}

function roleOf({ role }: Arguments): PathRole | undefined {
  if (role === undefined || ROLES.includes(role as PathRole)) return role as PathRole | undefined
  throw invalid(`"role" is one of ${ROLES.join(', ')}`)
}

function numberOf(args: Arguments, key: string, most: number): number | undefined {
  const value = args[key]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !(value >= 0 && value <= most)) {
    throw invalid(`"${key}" is a number from 0 to ${most}`)
  }
  return value
}

const invalid = (text: string): NetError => new NetError('EINVAL', text)
