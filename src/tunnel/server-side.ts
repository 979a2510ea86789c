import type { Path } from '../session/paths/path.ts'
import { formatEndpoint } from '../transport/endpoint.ts'
import type { ConfigChanges } from './config/diff.ts'
import type { ServerConfig, TunnelConfig } from './config/types.ts'
import type { Log } from './log.ts'
import { addTotals, noTotals, PathMeter, type UserTotals } from './paths/path-meter.ts'
import { pathFigures } from './paths/path-status.ts'
import { applyList, applyServices, type Change } from './reload.ts'
import { type Served, TunnelServer } from './server.ts'
import { serverDefinition } from './service-definitions.ts'
import type { LivePath, Side } from './side.ts'
import { type PathState, type PathStatus, type SessionStatus, sessionState, withShares } from './status.ts'

/** What the paths of one session carry, and what those carried that are gone. */
interface SessionMeters {
  readonly paths: Map<Path, PathMeter>
  readonly gone: UserTotals
}

/** A server, as the daemon sees it. */
export class ServerSide implements Side {
  readonly server: TunnelServer
  readonly #meters = new Map<Served, SessionMeters>()
  /** Of sessions that are over, by user. */
  readonly #past = new Map<string, UserTotals>()

  constructor(config: ServerConfig, log: Log) {
    this.server = new TunnelServer(config, log)
  }

  get services() {
    return this.server.services
  }

  get listening(): readonly string[] {
    return this.server.addresses
  }

  get fingerprints(): readonly string[] {
    return this.server.fingerprints
  }

  get handshakes(): Readonly<Record<string, number>> {
    return this.server.guard.counters.toJSON()
  }

  start(): Promise<void> {
    return this.server.start()
  }

  stop(drain: number): Promise<void> {
    return this.server.stop(drain)
  }

  leave(): void {}

  tick(now: number): void {
    this.#forgetEnded()
    for (const one of this.server.sessions.values()) {
      const { paths, gone } = this.#metersOf(one)
      for (const [path, meter] of paths) {
        meter.tick(path, now)
        if (path.state !== 'closed') continue
        paths.delete(path)
        addTotals(gone, meter.totals)
      }
    }
  }

  sessions(): readonly SessionStatus[] {
    return [...this.server.sessions.values()].map((served) => this.#sessionStatus(served))
  }

  livePaths(): readonly LivePath[] {
    return [...this.server.sessions.values()].flatMap(({ live, registered }) =>
      live.session.paths.map((path) => ({ name: `${registered.user}/${path.id}`, path, live })),
    )
  }

  async apply(config: TunnelConfig, changes: ConfigChanges): Promise<readonly Change[]> {
    if (config.mode !== 'server' || changes.mode !== 'server') return []
    const { server } = this
    const { users, listeners } = changes
    // First what may fail as a whole.
    if (users.added.length + users.removed.length + users.changed.length > 0) await server.setUsers(config.users)
    server.setConfig(config)
    return [
      ...(await applyList('user', users, { name: ({ name }) => name, add: done, remove: done })),
      ...(await applyList('listener', listeners, {
        name: formatEndpoint,
        add: (listener) => server.addListener(listener),
        remove: (listener) => server.removeListener(listener),
      })),
      ...(await server.renewCertificates()),
      ...(await applyServices(server.services, changes.services, {
        add: (service) => server.services.add(serverDefinition(service)),
        drain: config.drain,
      })),
    ]
  }

  get budget(): number {
    return this.server.budget.left
  }

  get connections(): Readonly<Record<string, number>> {
    const sum: Record<string, number> = {}
    for (const counts of this.server.doorCounts) {
      for (const [what, count] of Object.entries(counts)) sum[what] = (sum[what] ?? 0) + count
    }
    return sum
  }

  totals(): ReadonlyMap<string, UserTotals> {
    this.#forgetEnded()
    const all = new Map([...this.#past].map(([user, totals]) => [user, { ...totals }]))
    for (const served of this.server.sessions.values()) addOf(all, served.registered.user, this.#sessionTotals(served))
    return all
  }

  /** What sessions did that are over is remembered for their users. */
  #forgetEnded(): void {
    const all = new Set(this.server.sessions.values())
    for (const served of this.#meters.keys()) {
      if (all.has(served)) continue
      addOf(this.#past, served.registered.user, this.#sessionTotals(served))
      this.#meters.delete(served)
    }
  }

  #sessionTotals(served: Served): UserTotals {
    const { paths, gone } = this.#metersOf(served)
    const all = { ...gone }
    addTotals(all, served.live.session.counters)
    for (const [path, meter] of paths) {
      meter.observe(path)
      addTotals(all, meter.totals)
    }
    return all
  }

  /** The meters of a session, of all paths that it has now. */
  #metersOf(served: Served): SessionMeters {
    const found = this.#meters.get(served) ?? { paths: new Map(), gone: noTotals() }
    this.#meters.set(served, found)
    for (const path of served.live.session.paths) if (!found.paths.has(path)) found.paths.set(path, new PathMeter())
    return found
  }

  #sessionStatus(served: Served): SessionStatus {
    const { live, registered, since, addresses } = served
    const { counters, openCount, paths } = live.session
    const meters = this.#metersOf(served)
    const statuses = paths.map((path) => pathStatus(path, served, meters.paths.get(path)!))
    return {
      user: registered.user,
      peer: [...new Set(addresses.values())].join(', ') || 'nowhere',
      state: sessionState(paths),
      since,
      open: openCount,
      sent_bytes: sum(statuses, 'sent_bytes') + meters.gone.sent,
      received_bytes: sum(statuses, 'received_bytes') + meters.gone.received,
      datagrams_sent: counters.datagramsOut,
      datagrams_received: counters.datagramsIn,
      datagrams_dropped: counters.datagramsDropped,
      paths: withShares(statuses),
    }
  }
}

function addOf(all: Map<string, UserTotals>, user: string, more: UserTotals): void {
  const totals = all.get(user) ?? noTotals()
  all.set(user, totals)
  addTotals(totals, more)
}

const done = (): void => undefined

const sum = (paths: readonly PathStatus[], key: 'sent_bytes' | 'received_bytes'): number =>
  paths.reduce((all, path) => all + path[key], 0)

const STATES: Readonly<Record<Path['state'], PathState>> = {
  open: 'up',
  stalled: 'stalled',
  closing: 'closing',
  closed: 'stopped',
}

function pathStatus(path: Path, { live, addresses }: Served, meter: PathMeter): PathStatus {
  meter.observe(path)
  return {
    name: `${path.id}`,
    state: STATES[path.state],
    role: path.role,
    weight: path.weight,
    endpoint: addresses.get(path) ?? path.name,
    way: null,
    up_ms: null,
    ...pathFigures(path, live, meter),
    share: 0,
    attempts: 1,
    connections: 1,
    last_error: null,
    retry_ms: null,
    quota: null,
  }
}
