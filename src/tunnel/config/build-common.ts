import { basename, extname, join } from 'node:path'
import type { SchedulerName } from '../../session/schedulers/by-name.ts'
import { type Endpoint, fitsSocket } from '../../transport/endpoint.ts'
import type { HostPort } from '../../transport/host-port.ts'
import { isLoopbackHost } from './addresses.ts'
import { controlFolder, defaultState } from './places.ts'
import type { Reading } from './reading.ts'
import type { CommonConfig, LogConfig, LogLevel } from './types.ts'

/** What the schema makes of the keys that both ends have. */
export interface CommonValues {
  readonly name?: string | undefined
  readonly log?: LogLevel | { level: LogLevel; file?: string | undefined; format: 'text' | 'json' } | undefined
  readonly control?: string | false | undefined
  readonly metrics?: HostPort | false | undefined
  readonly state?: string | undefined
  readonly window: number
  readonly 'stream-window': number
  readonly budget: number
  readonly scheduler: SchedulerName
  readonly freeze: number
  readonly ping: { active: number; idle: number }
  readonly drain: number
}

/** The name of a daemon whose configuration gives none: that of its file. */
function nameOf(file: string): string {
  const name = basename(file, extname(file)).replaceAll(/[^A-Za-z0-9._-]/g, '-')
  return /^[a-z0-9]/i.test(name) ? name.slice(0, 64) : 'tunnel'
}

/** Everything of `CommonConfig` but the warnings, which are known last. */
export function buildCommon(values: CommonValues, reading: Reading): Omit<CommonConfig, 'warnings'> {
  const { file, env, isRoot } = reading.origin
  const name = values.name ?? nameOf(file)
  const state = values.state === undefined ? defaultState(env, file) : reading.resolve(values.state)
  const metrics = values.metrics === false ? undefined : values.metrics
  if (metrics !== undefined && !isLoopbackHost(metrics.host)) {
    reading.warn(
      ['metrics'],
      'whoever reaches this address reads how much is carried for whom; 127.0.0.1 keeps it here',
    )
  }
  const { window, budget, scheduler, freeze, ping, drain } = values
  const streamWindow = Math.min(values['stream-window'], window)
  const common = { name, file, log: buildLog(values.log, reading), state, metrics, window, streamWindow, budget }
  return {
    ...common,
    control: buildControl(values.control, join(controlFolder(env, isRoot, state), `${name}.sock`), reading),
    scheduler,
    freeze,
    ping,
    drain,
  }
}

function buildLog(log: CommonValues['log'], reading: Reading): LogConfig {
  if (log === undefined || typeof log === 'string') return { level: log ?? 'info', file: undefined, format: 'text' }
  const { level, file, format } = log
  return { level, file: file === undefined ? undefined : reading.resolve(file), format }
}

function buildControl(control: string | false | undefined, fallback: string, reading: Reading): string | undefined {
  if (control === false) return undefined
  const path = control === undefined ? fallback : reading.resolve(control)
  if (!fitsSocket(path))
    reading.fail(['control'], `${path} is too long for a Unix socket (107 octets); name a shorter one`)
  return path
}

/** An endpoint whose socket's path is absolute. */
export function buildEndpoint(endpoint: Endpoint, path: readonly PropertyKey[], reading: Reading): Endpoint {
  if (!('path' in endpoint)) return endpoint
  const absolute = reading.resolve(endpoint.path)
  if (!fitsSocket(absolute)) reading.fail(path, `${absolute} is too long for a Unix socket (107 octets)`)
  return { path: absolute }
}
