import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { PathRole } from '../session/records/frame.ts'
import type { Session } from '../session/session.ts'
import { formatEndpoint } from '../transport/endpoint.ts'
import { TunnelClient } from './client.ts'
import type { ConfigChanges } from './config/diff.ts'
import type { ClientConfig, PathConfig, TunnelConfig } from './config/types.ts'
import type { Log } from './log.ts'
import type { PathKeeper } from './paths/path-keeper.ts'
import { addTotals, noTotals, PathMeter, type UserTotals } from './paths/path-meter.ts'
import { pathFigures, wayOf } from './paths/path-status.ts'
import { QuotaBook } from './paths/quota.ts'
import { applyList, applyServices, type Change } from './reload.ts'
import { clientDefinition } from './service-definitions.ts'
import type { LivePath, Side } from './side.ts'
import { errorStatus, type PathStatus, type SessionStatus, sessionState, withShares } from './status.ts'

/** A client, as the daemon sees it. */
export class ClientSide implements Side {
  readonly client: TunnelClient
  readonly listening: readonly string[] = []
  readonly fingerprints: readonly string[] = []
  readonly handshakes: Readonly<Record<string, number>> = {}
  readonly connections: Readonly<Record<string, number>> = {}
  readonly #meters = new Map<PathKeeper, PathMeter>()
  /** Of paths and sessions that are no more. */
  readonly #gone = noTotals()
  readonly #quotas: QuotaBook
  /** What a path is for while it has something left of its quota, where that is not what the file says. */
  readonly #wanted = new WeakMap<PathKeeper, PathRole>()
  readonly #log: Log
  /** Services of which it was said that the server does not open them. */
  readonly #closedToUs = new Set<string>()
  #session: Session | undefined = undefined

  /** `onRefused` hears that the server would not have us before there ever was a session. */
  constructor(config: ClientConfig, log: Log, onRefused: (error: Error) => void) {
    this.client = new TunnelClient(config, log)
    this.client.onRefused = onRefused
    this.#log = log
    this.#quotas = new QuotaBook(join(config.state, `${config.name}.quotas.json`))
  }

  get services() {
    return this.client.services
  }

  async start(): Promise<void> {
    await this.client.start()
    for (const keeper of this.client.paths) this.#holdToQuota(keeper)
  }

  async stop(drain: number): Promise<void> {
    await this.client.stop(drain)
    this.leave()
  }

  leave(): void {
    for (const keeper of this.client.paths) this.#observe(keeper)
    this.#save((now) => this.#quotas.save(now))
  }

  tick(now: number): void {
    this.#forgetRemoved()
    for (const keeper of this.client.paths) {
      this.#observe(keeper).tick(keeper.path, now)
      this.#holdToQuota(keeper)
    }
    this.#save((now) => this.#quotas.tick(now))
    this.#tellForbidden()
  }

  /** Programs only see their connections reset; the reason is here, once for each service. */
  #tellForbidden(): void {
    for (const { name, kind, errors } of this.services.status()) {
      const isOurs = kind === 'tcp-listen' || kind === 'udp-listen'
      if (!isOurs || errors['FORBIDDEN'] === undefined || this.#closedToUs.has(name)) continue
      this.#closedToUs.add(name)
      const far = this.client.config.services.find((service) => service.name === name)?.service ?? name
      this.#log.warn('the server does not open a service to us: there is none of that name, or its rules forbid it', {
        service: far,
      })
    }
  }

  /** A full disk is no reason to end. */
  #save(action: (now: number) => void): void {
    try {
      action(Date.now())
    } catch (error) {
      this.#log.warn('cannot write down what quotas are used', { why: (error as Error).message })
    }
  }

  /** What paths and sessions did that are no more is remembered. */
  #forgetRemoved(): void {
    const session = this.client.link.live?.session
    if (session !== this.#session) {
      addTotals(this.#gone, this.#session?.counters ?? {})
      this.#session = session
    }
    const keepers = new Set(this.client.paths)
    for (const keeper of [...this.#meters.keys()]) {
      if (keepers.has(keeper)) continue
      addTotals(this.#gone, this.#observe(keeper).totals)
      this.#meters.delete(keeper)
    }
  }

  /** Counts what a path has carried, against its quota as well. */
  #observe(keeper: PathKeeper): PathMeter {
    const meter = this.#meterOf(keeper)
    const { totals } = meter
    const before = totals.sent + totals.received
    meter.observe(keeper.path)
    const { name, config } = keeper
    if (config.quota !== undefined) {
      this.#quotas.add(name, config.quota, totals.sent + totals.received - before, Date.now())
    }
    return meter
  }

  /** A path that has used up its quota is a backup until the day or month is over. */
  #holdToQuota(keeper: PathKeeper): void {
    const { name, config, role } = keeper
    const wanted = this.#wanted.get(keeper) ?? config.role
    const isOver = config.quota !== undefined && this.#quotas.status(name, config.quota, Date.now()).exhausted
    const due = isOver && wanted !== 'never' ? 'backup' : wanted
    if (due === role) return
    keeper.setRole(due)
    if (config.quota === undefined) return
    const what = isOver ? 'path has used up its quota' : 'path has its role again'
    this.#log[isOver ? 'warn' : 'info'](what, { path: name, role: due })
  }

  sessions(): readonly SessionStatus[] {
    const { client } = this
    this.#forgetRemoved()
    const paths = client.paths.map((keeper) => this.#pathStatus(keeper))
    const session = client.link.live?.session
    const { datagramsOut = 0, datagramsIn = 0, datagramsDropped = 0 } = session?.counters ?? {}
    return [
      {
        user: client.config.user,
        peer: [...new Set(paths.map(({ endpoint }) => endpoint))].join(', ') || 'nowhere',
        state: session === undefined ? 'down' : sessionState(session.paths),
        since: client.link.live?.since ?? null,
        open: session?.openCount ?? 0,
        sent_bytes: paths.reduce((all, { sent_bytes }) => all + sent_bytes, this.#gone.sent),
        received_bytes: paths.reduce((all, { received_bytes }) => all + received_bytes, this.#gone.received),
        datagrams_sent: datagramsOut,
        datagrams_received: datagramsIn,
        datagrams_dropped: datagramsDropped,
        paths: withShares(paths),
      },
    ]
  }

  livePaths(): readonly LivePath[] {
    return this.client.paths.flatMap(({ name, path, live }) =>
      path === undefined || live === undefined ? [] : [{ name, path, live }],
    )
  }

  /** What a path is for, and its share, until the daemon is started again. */
  setPath(name: string, { role, weight }: { role: PathRole | undefined; weight: number | undefined }): void {
    const keeper = this.client.path(name)
    if (keeper === undefined) return
    if (role !== undefined) this.#wanted.set(keeper, role)
    if (weight !== undefined) keeper.setWeight(weight)
    this.#holdToQuota(keeper)
  }

  get budget(): number {
    return this.client.budget.left
  }

  totals(): ReadonlyMap<string, UserTotals> {
    this.#forgetRemoved()
    const all = { ...this.#gone }
    addTotals(all, this.#session?.counters ?? {})
    for (const keeper of this.client.paths) {
      addTotals(all, this.#observe(keeper).totals)
    }
    return new Map([[this.client.config.user, all]])
  }

  async apply(config: TunnelConfig, changes: ConfigChanges): Promise<readonly Change[]> {
    if (config.mode !== 'client' || changes.mode !== 'client') return []
    const { client } = this
    this.#closedToUs.clear()
    client.setConfig(config)
    return [
      ...(await applyList('path', changes.paths, {
        name: ({ name }) => name,
        add: (path) => client.addPath(path),
        remove: ({ name }) => client.removePath(name),
        change: (before, after) => this.#changePath(before, after),
      })),
      ...(await applyServices(client.services, changes.services, {
        add: (service) => client.services.add(clientDefinition(service)),
        drain: config.drain,
      })),
    ]
  }

  /** What needs no other connection is done in place; whether that was all. */
  #changePath(before: PathConfig, after: PathConfig): boolean {
    const { role, weight, quota } = after
    const keeper = this.client.path(after.name)
    if (keeper === undefined || !isDeepStrictEqual({ ...before, role, weight, quota }, after)) return false
    keeper.config = after
    if (role !== before.role) this.#wanted.delete(keeper)
    if (weight !== before.weight) keeper.setWeight(weight)
    this.#holdToQuota(keeper)
    return true
  }

  #meterOf(keeper: PathKeeper): PathMeter {
    const meter = this.#meters.get(keeper) ?? new PathMeter()
    this.#meters.set(keeper, meter)
    return meter
  }

  #pathStatus(keeper: PathKeeper): PathStatus {
    const { name, config, path, live, attempts, connections, lastError } = keeper
    const meter = this.#observe(keeper)
    return {
      name,
      state: keeper.state,
      role: keeper.role,
      weight: keeper.weight,
      endpoint: formatEndpoint(config.remote),
      way: wayOf(config),
      up_ms: path === undefined ? null : Math.round(keeper.upFor),
      ...pathFigures(path, live, meter),
      share: 0,
      attempts,
      connections,
      last_error: errorStatus(lastError),
      retry_ms: keeper.state === 'waiting' ? Math.round(keeper.retryIn) : null,
      quota: config.quota === undefined ? null : this.#quotas.status(name, config.quota, Date.now()),
    }
  }
}
