import { isDeepStrictEqual } from 'node:util'
import { formatEndpoint } from '../../transport/endpoint.ts'
import type {
  ClientConfig,
  ClientService,
  ListenerConfig,
  PathConfig,
  ServerConfig,
  ServerService,
  TunnelConfig,
  UserConfig,
} from './types.ts'

/** What has become of one kind of thing, by name. */
export interface ListChanges<T> {
  readonly added: readonly T[]
  readonly removed: readonly T[]
  readonly changed: readonly { readonly before: T; readonly after: T }[]
}

/** A setting that is not of a list and has changed, as the keys of `TunnelConfig` name it. */
export type Setting = Exclude<
  keyof ServerConfig | keyof ClientConfig,
  'services' | 'paths' | 'users' | 'listeners' | 'warnings' | 'file' | 'mode'
>

interface Changes {
  /** Settings that take effect at once, for what begins from now on. */
  readonly settings: readonly Setting[]
  /** Settings that take effect when the daemon is started again, `mode` among them. */
  readonly restart: readonly (Setting | 'mode')[]
  /** Nothing is different. */
  readonly isEmpty: boolean
}

export interface ServerChanges extends Changes {
  readonly mode: 'server'
  readonly services: ListChanges<ServerService>
  readonly users: ListChanges<UserConfig>
  /** By address; one whose `tls` differs has changed. */
  readonly listeners: ListChanges<ListenerConfig>
}

export interface ClientChanges extends Changes {
  readonly mode: 'client'
  readonly services: ListChanges<ClientService>
  readonly paths: ListChanges<PathConfig>
}

/** What a reload has to do. Between a server's file and a client's there is nothing to do but to start again. */
export type ConfigChanges = ServerChanges | ClientChanges

/** What a running daemon cannot change: where it keeps things, how much memory it has, who it is. */
const RESTART: ReadonlySet<string> = new Set([
  'name',
  'control',
  'state',
  'window',
  'streamWindow',
  'budget',
  'user',
  'password',
  'trust',
  'certificate',
])
const LISTS: ReadonlySet<string> = new Set(['services', 'paths', 'users', 'listeners', 'warnings', 'file', 'mode'])

function compare<T>(before: readonly T[], after: readonly T[], key: (item: T) => string): ListChanges<T> {
  const old = new Map(before.map((item) => [key(item), item]))
  const next = new Map(after.map((item) => [key(item), item]))
  const added = after.filter((item) => !old.has(key(item)))
  const removed = before.filter((item) => !next.has(key(item)))
  const changed = after.flatMap((item) => {
    const was = old.get(key(item))
    return was === undefined || isDeepStrictEqual(was, item) ? [] : [{ before: was, after: item }]
  })
  return { added, removed, changed }
}

const isNothing = ({ added, removed, changed }: ListChanges<unknown>): boolean =>
  added.length + removed.length + changed.length === 0

const nameOf = ({ name }: { readonly name: string }): string => name

function compareSettings(before: TunnelConfig, after: TunnelConfig): Pick<Changes, 'settings' | 'restart'> {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => !LISTS.has(key))
  const value = (config: TunnelConfig, key: string): unknown => (config as unknown as Record<string, unknown>)[key]
  const changed = keys.filter((key) => !isDeepStrictEqual(value(before, key), value(after, key))) as Setting[]
  const restart = changed.filter((key) => RESTART.has(key))
  return { settings: changed.filter((key) => !RESTART.has(key)), restart }
}

/** What has changed from one configuration to the next, so that a reload leaves alone what has not. */
export function diffConfig(before: TunnelConfig, after: TunnelConfig): ConfigChanges {
  const { settings, restart } = compareSettings(before, after)
  if (before.mode === 'server' && after.mode === 'server') {
    const services = compare(before.services, after.services, nameOf)
    const users = compare(before.users, after.users, nameOf)
    const listeners = compare(before.listeners, after.listeners, formatEndpoint)
    const isEmpty = [services, users, listeners].every(isNothing) && settings.length + restart.length === 0
    return { mode: 'server', services, users, listeners, settings, restart, isEmpty }
  }
  if (before.mode === 'client' && after.mode === 'client') {
    const services = compare(before.services, after.services, nameOf)
    const paths = compare(before.paths, after.paths, nameOf)
    const isEmpty = [services, paths].every(isNothing) && settings.length + restart.length === 0
    return { mode: 'client', services, paths, settings, restart, isEmpty }
  }
  const nothing = { added: [], removed: [], changed: [] }
  return { mode: 'client', services: nothing, paths: nothing, settings: [], restart: ['mode'], isEmpty: false }
}
