import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { NetError } from '../../base/errors.ts'
import type { TunnelStatus } from '../../tunnel/status.ts'
import { type Flags, type Values, value } from '../command.ts'
import { UsageError } from '../exit.ts'
import type { Io } from '../io.ts'
import { FILE } from '../kind.ts'

export const DAEMON_FLAGS = {
  config: value(FILE, { short: 'c', summary: 'the daemon that runs with this configuration' }),
  control: value(FILE, { summary: 'the daemon that answers at this socket (default: the only one there is)' }),
} satisfies Flags

/** A daemon that can be asked. */
export interface FoundDaemon {
  readonly path: string
  ask<T>(command: string, args?: Readonly<Record<string, unknown>>, options?: { timeout?: number }): Promise<T>
  status(): Promise<TunnelStatus>
}

/** @throws {NetError} ECONNREFUSED when no daemon is there; UsageError when it is not clear which. */
export async function findDaemon(args: Values<typeof DAEMON_FLAGS>, io: Io): Promise<FoundDaemon> {
  const { askDaemon } = await import('../../tunnel/control/control-client.ts')
  const path = args.control === undefined ? await pathOf(args.config, io) : resolve(args.control)
  return {
    path,
    ask: async <T>(command: string, more: Readonly<Record<string, unknown>> = {}, options = {}) =>
      (await askDaemon(path, { command, ...more }, options)) as T,
    status: async () => (await askDaemon(path, { command: 'status' })) as TunnelStatus,
  }
}

async function pathOf(file: string | undefined, io: Io): Promise<string> {
  if (file === undefined) return await theOnlyOne(io)
  const { loadConfig } = await import('../../tunnel/config/index.ts')
  const { control } = loadConfig(file, { env: io.env })
  if (control === undefined) throw new UsageError(`${file} has "control: false"`, 'its daemon answers nobody')
  return control
}

/** Of the daemons whose sockets are where sockets are by default. */
async function theOnlyOne({ env }: Io): Promise<string> {
  const [{ controlFolder, defaultState }, { askDaemon }] = await Promise.all([
    import('../../tunnel/config/places.ts'),
    import('../../tunnel/control/control-client.ts'),
  ])
  const folder = controlFolder(env, process.getuid?.() === 0, defaultState(env, resolve('tunnel.yaml')))
  const alive: string[] = []
  for (const path of socketsIn(folder)) {
    const isAlive = await askDaemon(path, { command: 'hello' }, { timeout: 2000 }).then(
      () => true,
      () => false,
    )
    if (isAlive) alive.push(path)
  }
  if (alive.length === 1) return alive[0]!
  const hint = 'say which: -c FILE or --control PATH'
  if (alive.length > 1) throw new UsageError(`${alive.length} daemons run: ${alive.join(', ')}`, hint)
  throw new NetError('ECONNREFUSED', `No daemon runs that has its socket in ${folder}; ${hint}`)
}

function socketsIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.sock'))
      .sort()
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}
