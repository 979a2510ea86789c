import { NetError } from '../base/errors.ts'
import { formatEndpoint } from '../transport/endpoint.ts'
import { ClientSide } from './client-side.ts'
import { letGarbageWait } from './collector.ts'
import { diffConfig } from './config/diff.ts'
import type { TunnelConfig } from './config/types.ts'
import { ControlServer } from './control/control-server.ts'
import { answerRequest } from './control/daemon-commands.ts'
import type { Health, MetricsServer } from './control/metrics.ts'
import { type DaemonLog, openLog } from './log.ts'
import { Notifier } from './notify.ts'
import type { Change, ReloadReport } from './reload.ts'
import { ServerSide } from './server-side.ts'
import type { Services } from './services/services.ts'
import type { Side } from './side.ts'
import { type DaemonState, mutedWarnings, type ServiceStatusRecord, type TunnelStatus } from './status.ts'
import { Trimmer } from './trimmer.ts'

/** How often what paths carry is looked at, in milliseconds. */
const TICK = 1000

export interface DaemonOptions {
  /** Reads the configuration again. @throws what is wrong with it. */
  readonly load: () => TunnelConfig
  /** Where it is said what happens. Default: as the configuration has it. */
  readonly log?: DaemonLog
}

/** A tunnel's client or server as a service of this machine: with a log, a control socket, a state to ask for. */
export class Daemon {
  readonly side: Side
  readonly log: DaemonLog
  readonly #since = Date.now()
  readonly #load: () => TunnelConfig
  #config: TunnelConfig
  #restartNeeded: readonly string[] = []
  /** Reloads happen one after the other. */
  #reloading: Promise<unknown> = Promise.resolve()
  /** Resolves when it has been stopped. Rejects when it cannot go on: the server knows neither user nor password. */
  readonly ended: Promise<void>
  #end!: () => void
  #state: DaemonState = 'running'
  #control: ControlServer | undefined = undefined
  #metrics: MetricsServer | undefined = undefined
  readonly #notifier = new Notifier()
  readonly #trimmer = new Trimmer()
  #ticks: NodeJS.Timeout | undefined = undefined
  #stopping: Promise<void> | undefined = undefined

  private constructor(config: TunnelConfig, load: () => TunnelConfig, log: DaemonLog) {
    this.#config = config
    this.#load = load
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
    letGarbageWait()
    const daemon = new Daemon(config, options.load, options.log ?? (await openLog(config.log)))
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
    const { name, mode, file, scheduler, warnings } = this.#config
    const sessions = side.sessions()
    return {
      name,
      mode,
      state: this.#state,
      pid: process.pid,
      file,
      since: this.#since,
      scheduler,
      control: this.#control?.path ?? null,
      metrics: this.#metrics?.address || null,
      listening: side.listening,
      fingerprints: side.fingerprints,
      sessions,
      services: side.services.status().map(serviceRecord),
      refusals: side.services.refusals,
      handshakes: side.handshakes,
      restart_needed: this.#restartNeeded,
      warnings: [...warnings, ...mutedWarnings(sessions)],
    }
  }

  /**
   * Reads the configuration again, and does what it asks for without touching anything else.
   * @throws what is wrong with it; nothing has changed then.
   */
  reload(): Promise<ReloadReport> {
    const next = this.#reloading.then(() => this.#reload())
    this.#reloading = next.catch(() => undefined)
    return next
  }

  /** Takes nothing new, lets what is open end for so many milliseconds, and ends. A second call waits for the first. */
  stop(drain: number = this.#config.drain): Promise<void> {
    this.#stopping ??= this.#stop(drain)
    return this.#stopping
  }

  /** What must not be left behind when the process leaves at once. */
  leave(): void {
    this.#trimmer.stop()
    // Cut short, a connection must not look as if it had ended.
    void this.side.services.close()
    this.#control?.close()
    this.#metrics?.close()
    this.side.leave()
  }

  /** What its services have open, which the end waits for. */
  get open(): number {
    return this.side.services.status().reduce((all, { open }) => all + open, 0)
  }

  /** Whether it does what it is for: a client when a path is up, a server as long as it lets paths in. */
  health(): Health {
    const up = this.side.livePaths().filter(({ path }) => path.state === 'open').length
    return { isUp: this.#config.mode === 'server' ? this.#state !== 'draining' : up > 0, paths_up: up }
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
        return await answerRequest(this, request)
      })
    }
    // Before the tunnel, for what cannot be had must leave nothing behind.
    await this.#serveMetrics(this.#config.metrics)
    await this.side.start()
    begun()
    this.log.info('started', { mode: this.#config.mode, pid: process.pid })
    this.#notifier.ready(`${this.#config.mode} ${this.#config.name}`)
    this.#ticks = setInterval(() => this.side.tick(performance.now()), TICK)
  }

  async #reload(): Promise<ReloadReport> {
    if (this.#state !== 'running')
      throw new NetError('ERR_CLOSED', 'The daemon is about to end, and reads nothing more')
    this.#state = 'reloading'
    this.#notifier.reloading()
    try {
      // First: whoever has moved the log away wants it back, whatever else is wrong.
      this.log.reopen()
      const report = await this.#apply(this.#load())
      for (const { kind, name, change, why } of report.changes) {
        this.log[change === 'failed' ? 'warn' : 'info'](`reload: ${kind} ${change}`, { [kind]: name, why })
      }
      if (report.changes.length === 0) this.log.info('reload: nothing has changed')
      for (const setting of report.restart_needed) this.log.warn('reload: needs a restart', { setting })
      return report
    } catch (error) {
      this.log.error('reload: nothing was changed', { why: (error as Error).message })
      throw error
    } finally {
      if (this.#state === 'reloading') {
        this.#state = 'running'
        this.#notifier.ready(`${this.#config.mode} ${this.#config.name}`)
      }
    }
  }

  async #apply(next: TunnelConfig): Promise<ReloadReport> {
    const before = this.#config
    const changes = diffConfig(before, next)
    const isLogMoved = next.log.file !== before.log.file || next.log.format !== before.log.format
    const restart_needed = [...changes.restart, ...(isLogMoved ? (['log'] as const) : [])]
    this.#restartNeeded = restart_needed
    if (changes.restart.includes('mode')) return { changes: [], restart_needed }
    const log = { ...before.log, level: next.log.level }
    const config = { ...keeping(next, before, changes.restart), log }
    const done = await this.side.apply(config, changes)
    this.log.setLevel(log.level)
    const failed = changes.settings.includes('metrics') ? await this.#moveMetrics(config.metrics) : []
    this.#config = withoutFailed(config, [...done, ...failed])
    for (const warning of next.warnings) if (!before.warnings.includes(warning)) this.log.warn(warning)
    const settings = changes.settings
      .filter((name) => !failed.some((one) => one.name === name))
      .filter((name) => name !== 'log' || log.level !== before.log.level)
      .map((name): Change => ({ kind: 'setting', name, change: 'changed' }))
    return { changes: [...done, ...settings, ...failed], restart_needed }
  }

  async #serveMetrics(place: TunnelConfig['metrics']): Promise<void> {
    if (place === undefined) return
    const [{ MetricsServer }, { metricsRegistry }] = await Promise.all([
      import('./control/metrics.ts'),
      import('./control/metric-families.ts'),
    ])
    const { side } = this
    const registry = metricsRegistry(() => ({
      status: this.status(),
      totals: side.totals(),
      connections: side.connections,
      budget: side.budget,
    }))
    this.#metrics = await MetricsServer.open(place, registry, () => this.health())
  }

  /** Serves metrics elsewhere, or nowhere; what failed. */
  async #moveMetrics(place: TunnelConfig['metrics']): Promise<readonly Change[]> {
    this.#metrics?.close()
    this.#metrics = undefined
    try {
      await this.#serveMetrics(place)
      return []
    } catch (error) {
      return [{ kind: 'setting', name: 'metrics', change: 'failed', why: (error as Error).message }]
    }
  }

  async #stop(drain: number): Promise<void> {
    this.#state = 'draining'
    this.#notifier.stopping()
    this.log.info('about to end', { open: this.open, drain_ms: drain })
    await this.side.stop(drain)
    clearInterval(this.#ticks)
    this.leave()
    this.#end()
  }
}

/** A configuration in which some settings are still as they were. */
function keeping(next: TunnelConfig, before: TunnelConfig, settings: readonly string[]): TunnelConfig {
  const old = Object.entries(before).filter(([key]) => settings.includes(key))
  return { ...next, ...Object.fromEntries(old) }
}

/** As if what failed were not there: the next reload tries it again. */
function withoutFailed(config: TunnelConfig, changes: readonly Change[]): TunnelConfig {
  const isThere =
    (kind: Change['kind']) =>
    (name: string): boolean =>
      !changes.some((one) => one.change === 'failed' && one.kind === kind && one.name === name)
  const metrics = isThere('setting')('metrics') ? config.metrics : undefined
  const isService = isThere('service')
  if (config.mode === 'client') {
    const services = config.services.filter(({ name }) => isService(name))
    return { ...config, metrics, services, paths: config.paths.filter(({ name }) => isThere('path')(name)) }
  }
  const listeners = config.listeners.filter((listener) => isThere('listener')(formatEndpoint(listener)))
  return { ...config, metrics, listeners, services: config.services.filter(({ name }) => isService(name)) }
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
    ages,
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
    age_ms: ages === undefined ? null : { mean: milliseconds(ages.mean), most: milliseconds(ages.most) },
  }
}

/** To the microsecond. */
const milliseconds = (micros: number): number => Math.round(micros) / 1000
