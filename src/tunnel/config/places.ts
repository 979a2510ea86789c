import { dirname, join } from 'node:path'
import type { Environment } from './source.ts'

/** Of a list of folders as systemd gives it, the first. */
const first = (list: string | undefined): string | undefined => list?.split(':')[0] || undefined

/** The folder of what outlives the process, when the configuration names none. */
export function defaultState(env: Environment, file: string): string {
  const given = first(env['STATE_DIRECTORY'])
  if (given !== undefined) return given
  if (env['XDG_STATE_HOME']?.startsWith('/')) return join(env['XDG_STATE_HOME'], 'gotcp')
  if (env['HOME']?.startsWith('/')) return join(env['HOME'], '.local/state/gotcp')
  return join(dirname(file), 'gotcp-state')
}

/** The folder of control sockets, when the configuration names none. `isRoot` is whether /run may be written. */
export function controlFolder(env: Environment, isRoot: boolean, state: string): string {
  const given = first(env['RUNTIME_DIRECTORY'])
  if (given !== undefined) return given
  if (env['XDG_RUNTIME_DIR']?.startsWith('/')) return join(env['XDG_RUNTIME_DIR'], 'gotcp')
  return isRoot ? '/run/gotcp' : state
}
