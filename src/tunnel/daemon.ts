import { NetError } from '../base/errors.ts'
import { ClientSide } from './client-side.ts'
import type { TunnelConfig } from './config/types.ts'
import type { ControlRequest } from './control-protocol.ts'
import { ControlServer } from './control-server.ts'
import { openLog } from './log.ts'
import { ServerSide } from './server-side.ts'
import type { Services } from './services/services.ts'
import type { Side } from './side.ts'
import type { DaemonState, ServiceStatusRecord, TunnelStatus } from './status.ts'

/** How often what paths carry is looked at, in milliseconds. */
const TICK = 1000

export interface DaemonOptions {
  /** Reads the configuration again. @throws what is wrong with it. */
  readonly load: () => TunnelConfig
  /** Where it is said what happens. Default: as the configuration has it. */
  readonly log?: DaemonLog
}

type DaemonLog = Awaited<ReturnType<typeof openLog>>

/** A tunnel's client or server as a service of this machine: with a log, a control socket, a state to ask for. */
export class Daemon {
  readonly side: Side
  readonly log: DaemonLog
  readonly #since = Date.now()
  readonly #config: TunnelConfig
  /** Resolves when it has been stopped. Rejects when it cannot go on: the server knows neither user nor password. */
  readonly ended: Promise<void>
  #end!: () => void
  #state: DaemonState = 'running'
  #control: ControlServer | undefined = undefined
  #ticks: NodeJS.Timeout | undefined = undefined
  #stopping: Promise<void> | undefined = undefined

  private constructor(config: TunnelConfig, log: DaemonLog) {
    this.#config = config
    this.log = log
    let fail!: (error: Error) => void
    this.ended = new Promise((resolve, reject) => {
      this.#end = resolve
      fail = reject
    })
    // Whoever waits for the end hears of it; if nobody does, nothing is lost.
    this.ended.catch(() => undefined)
    this.side = config.mode === 'server' ? new ServerSide(config, log) : new ClientSide(config, log, fail)
  }

  /** Runs what a configuration says. @throws {NetError} when something of it cannot be had; nothing is left then. */
  static async start(config: TunnelConfig, options: DaemonOptions): Promise<Daemon> {
    const daemon = new Daemon(config, options.log ?? (await openLog(config.log)))
    try {
      await daemon.#start()
    } catch (error) {
      daemon.leave()
      throw error
    }
    return daemon
  }

  get config(): TunnelConfig {
    return this.#config
  }

  status(): TunnelStatus {
    const { side } = this
    const { name, mode, file, scheduler, metrics, warnings } = this.#config
    return {
      name,
      mode,
      state: this.#state,
      pid: process.pid,
      file,
      since: this.#since,
      scheduler,
      control: this.#control?.path ?? null,
      metrics: metrics === undefined ? null : `${metrics.host}:${metrics.port}`,
      listening: side.listening,
      fingerprints: side.fingerprints,
      sessions: side.sessions(),
      services: side.services.status().map(serviceRecord),
      refusals: side.services.refusals,
      handshakes: side.handshakes,
      restart_needed: [],
      warnings,
    }
  }

  /** Takes nothing new, lets what is open end for so many milliseconds, and ends. A second call waits for the first. */
  stop(drain: number = this.#config.drain): Promise<void> {
    this.#stopping ??= this.#stop(drain)
    return this.#stopping
  }

  /** What must not be left behind when the process leaves at once. */
  leave(): void {
    this.#control?.close()
  }

  async #start(): Promise<void> {
    const { control, warnings } = this.#config
    for (const warning of warnings) this.log.warn(warning)
    let begun!: () => void
    const beginning = new Promise<void>((resolve) => {
      begun = resolve
    })
    if (control !== undefined) {
      // First, for it tells whether this daemon runs already; it answers once there is something to say.
      this.#control = await ControlServer.open(control, async (request) => {
        await beginning
        return await this.#answer(request)
      })
    }
    await this.side.start()
    begun()
    this.#ticks = setInterval(() => this.side.tick(performance.now()), TICK)
  }

  async #stop(drain: number): Promise<void> {
    this.#state = 'draining'
    await this.side.stop(drain)
    clearInterval(this.#ticks)
    this.#control?.close()
    this.#end()
  }

  async #answer({ command, ...args }: ControlRequest): Promise<unknown> {
    switch (command) {
      case 'hello':
        return { name: this.#config.name, mode: this.#config.mode, pid: process.pid }
      case 'status':
        return this.status()
      case 'stop':
        void this.stop(numberOf(args, 'drain') ?? this.#config.drain)
        return { open: this.side.sessions().reduce((all, { open }) => all + open, 0) }
      default:
        throw new NetError('EINVAL', `There is no command "${command}"`)
    }
  }
}

function numberOf(args: Readonly<Record<string, unknown>>, key: string): number | undefined {
  const value = args[key]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !(value >= 0)) throw new NetError('EINVAL', `"${key}" is a number from 0 up`)
  return value
}

function serviceRecord(service: ReturnType<Services['status']>[number]): ServiceStatusRecord {
  const {
    name,
    kind,
    listening = null,
    target = null,
    open,
    total,
    refused,
    bytesIn,
    bytesOut,
    errors,
    dropped,
  } = service
  return {
    name,
    kind,
    listening,
    target,
    open,
    total,
    refused,
    sent_bytes: bytesIn,
    received_bytes: bytesOut,
    errors,
    dropped,
  }
}
