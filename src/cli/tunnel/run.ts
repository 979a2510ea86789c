import type { TunnelConfig } from '../../tunnel/config/index.ts'
import type { Daemon } from '../../tunnel/daemon.ts'
import { type Args, type Flags, type Values, value } from '../command.ts'
import { Exit, UsageError } from '../exit.ts'
import { type Interrupt, withInterrupt } from '../interrupt.ts'
import type { Io } from '../io.ts'
import { FILE, SECONDS } from '../kind.ts'
import { announce } from './announce.ts'
import { statusLine } from './status-line.ts'

export const RUN_FLAGS = {
  config: value(FILE, { short: 'c', summary: 'the configuration; gotcp tunnel init writes one to begin with' }),
  drain: value(SECONDS, {
    summary: "how long open streams may go on after Ctrl-C or SIGTERM (default: the file's drain)",
  }),
} satisfies Flags

type RunArgs = Args<typeof RUN_FLAGS>

const fileOf = ({ config }: Values<typeof RUN_FLAGS>): string => {
  if (config === undefined) throw new UsageError('-c FILE is missing', 'gotcp tunnel init writes one to begin with')
  return config
}

/** Runs a daemon in the foreground until it is told to end. */
export async function runDaemon(mode: 'server' | 'client', args: RunArgs, io: Io): Promise<number> {
  const { loadConfig } = await import('../../tunnel/config/index.ts')
  const file = fileOf(args)
  const load = (): TunnelConfig => {
    const loaded = loadConfig(file, { env: io.env })
    return args.debug > 0 ? { ...loaded, log: { ...loaded.log, level: 'debug' } } : loaded
  }
  const config = load()
  if (config.mode !== mode) {
    throw new UsageError(`${file} is a ${config.mode}'s configuration`, `gotcp tunnel ${config.mode} -c ${file}`)
  }
  return await runTunnel(config, io, { load, drain: args.drain })
}

interface RunOptions {
  /** The configuration as it is at a reload. */
  readonly load: () => TunnelConfig
  /** Seconds that open streams may go on; undefined is what the configuration says. */
  readonly drain?: number | undefined
  /** What the other side needs, in lines, where that is no file. */
  readonly otherSide?: readonly string[]
}

/** Runs what a configuration says until it is told to end. */
export async function runTunnel(config: TunnelConfig, io: Io, options: RunOptions): Promise<number> {
  const { Daemon } = await import('../../tunnel/daemon.ts')
  return await withInterrupt(io, async (interrupt) => {
    const daemon = await Daemon.start(config, options)
    announce(daemon, io, options.otherSide)
    return await attend(daemon, options, io, interrupt)
  })
}

/** Does what signals ask for, until the end. */
async function attend(daemon: Daemon, { drain }: RunOptions, io: Io, interrupt: Interrupt): Promise<number> {
  const onDump = (): void => daemon.log.info(`state ${JSON.stringify(daemon.status())}`)
  // What came of it is in the log.
  const onReload = (): void => void daemon.reload().catch(() => undefined)
  process.on('SIGUSR1', onDump)
  process.on('SIGHUP', onReload)
  interrupt.onStatus(() => statusLine(daemon.status()))
  interrupt.onLeave(() => daemon.leave())
  const onStop = (): void => {
    const { open } = daemon
    void daemon.stop(drain === undefined ? undefined : drain * 1000)
    if (open > 0) io.output.note(`${open} open; they may end by themselves now, and Ctrl-C again ends them at once`)
  }
  interrupt.signal.addEventListener('abort', onStop, { once: true })
  if (interrupt.signal.aborted) onStop()
  try {
    await daemon.ended
  } catch (error) {
    await daemon.stop(0)
    throw error
  } finally {
    process.off('SIGUSR1', onDump)
    process.off('SIGHUP', onReload)
    interrupt.signal.removeEventListener('abort', onStop)
  }
  io.output.record('summary', { status: daemon.status() })
  return Exit.OK
}
