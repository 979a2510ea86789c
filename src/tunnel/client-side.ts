import { isDeepStrictEqual } from 'node:util'
import type { Session } from '../session/session.ts'
import { TunnelClient } from './client.ts'
import { formatEndpoint } from './config/addresses.ts'
import type { ConfigChanges } from './config/diff.ts'
import type { ClientConfig, PathConfig, PathRole, TunnelConfig } from './config/types.ts'
import type { Log } from './log.ts'
import type { PathKeeper } from './path-keeper.ts'
import { addTotals, noTotals, PathMeter, type UserTotals } from './path-meter.ts'
import { pathFigures, wayOf } from './path-status.ts'
import { applyList, applyServices, type Change } from './reload.ts'
import { clientDefinition } from './service-definitions.ts'
import type { LivePath, Side } from './side.ts'
import { errorStatus, type PathStatus, type SessionStatus, withShares } from './status.ts'

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
  #session: Session | undefined = undefined

  /** `onRefused` hears that the server would not have us before there ever was a session. */
  constructor(config: ClientConfig, log: Log, onRefused: (error: Error) => void) {
    this.client = new TunnelClient(config, log)
    this.client.onRefused = onRefused
  }

  get services() {
    return this.client.services
  }

  start(): Promise<void> {
    return this.client.start()
  }

  stop(drain: number): Promise<void> {
    return this.client.stop(drain)
  }

  tick(now: number): void {
    this.#noteSession()
    const keepers = new Set(this.client.paths)
    for (const keeper of keepers) this.#meterOf(keeper).tick(keeper.path, now)
    for (const [keeper, meter] of this.#meters) {
      if (keepers.has(keeper)) continue
      meter.observe(undefined)
      addTotals(this.#gone, meter.totals)
      this.#meters.delete(keeper)
    }
  }

  sessions(): readonly SessionStatus[] {
    const { client } = this
    const paths = client.paths.map((keeper) => pathStatus(keeper, this.#meterOf(keeper)))
    const session = client.link.live?.session
    const { datagramsOut = 0, datagramsIn = 0, datagramsDropped = 0 } = session?.counters ?? {}
    return [
      {
        user: client.config.user,
        peer: [...new Set(paths.map(({ endpoint }) => endpoint))].join(', ') || 'nowhere',
        state: session === undefined ? 'down' : session.paths.length === 0 ? 'frozen' : 'up',
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
    if (role !== undefined) keeper?.setRole(role)
    if (weight !== undefined) keeper?.setWeight(weight)
  }

  get budget(): number {
    return this.client.budget.left
  }

  totals(): ReadonlyMap<string, UserTotals> {
    this.#noteSession()
    const all = { ...this.#gone }
    addTotals(all, this.#session?.counters ?? {})
    for (const keeper of this.client.paths) {
      const meter = this.#meterOf(keeper)
      meter.observe(keeper.path)
      addTotals(all, meter.totals)
    }
    return new Map([[this.client.config.user, all]])
  }

  /** Another session has begun: what the last one did is remembered. */
  #noteSession(): void {
    const session = this.client.link.live?.session
    if (session === this.#session) return
    addTotals(this.#gone, this.#session?.counters ?? {})
    this.#session = session
  }

  async apply(config: TunnelConfig, changes: ConfigChanges): Promise<readonly Change[]> {
    if (config.mode !== 'client' || changes.mode !== 'client') return []
    const { client } = this
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
    const { role, weight } = after
    if (!isDeepStrictEqual({ ...before, role, weight }, after)) return false
    if (this.client.path(after.name) === undefined) return false
    this.setPath(after.name, {
      role: role === before.role ? undefined : role,
      weight: weight === before.weight ? undefined : weight,
    })
    return true
  }

  #meterOf(keeper: PathKeeper): PathMeter {
    const meter = this.#meters.get(keeper) ?? new PathMeter()
    this.#meters.set(keeper, meter)
    return meter
  }
}

function pathStatus(keeper: PathKeeper, meter: PathMeter): PathStatus {
  const { config, path, live, attempts, connections, lastError } = keeper
  meter.observe(path)
  return {
    name: keeper.name,
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
    quota: null,
  }
}
