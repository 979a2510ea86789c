import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { UserTotals } from '../paths/path-meter.ts'
import type { PathStatus, TunnelStatus } from '../status.ts'

/** What is measured, besides the status. */
export interface Measured {
  readonly status: TunnelStatus
  /** What each user's paths have carried since the start, those that are gone included. */
  readonly totals: ReadonlyMap<string, UserTotals>
  /** Connections before the handshake, by what came of them. */
  readonly connections: Readonly<Record<string, number>>
  /** Octets that windows may still grow by, of all sessions together. */
  readonly budget: number
}

type Labels = Readonly<Record<string, string>>
type Sample = readonly [labels: Labels, value: number | null]

const BITS = 8
const PREFIX = 'gotcp_tunnel_'

/** A registry whose figures are looked up when somebody asks for them. */
export function metricsRegistry(measure: () => Measured): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const define = (Kind: typeof Gauge | typeof Counter, family: Family): void => {
    const { name, help, labels, samples } = family
    new Kind({
      name: PREFIX + name,
      help,
      labelNames: labels,
      registers: [registry],
      collect() {
        this.reset()
        // Of two with the same labels, such as two paths from one address, the sum.
        for (const [of, value] of samples(measure())) if (value !== null) this.inc(of, value)
      },
    })
  }
  for (const family of [...SESSION_GAUGES, ...PATH_GAUGES, ...SERVICE_GAUGES]) define(Gauge, family)
  for (const family of [...USER_COUNTERS, ...PATH_COUNTERS, ...SERVICE_COUNTERS, ...DOOR_COUNTERS])
    define(Counter, family)
  return registry
}

interface Family {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
  readonly samples: (measured: Measured) => readonly Sample[]
}

const SESSION_GAUGES: readonly Family[] = [
  {
    name: 'info',
    help: 'What runs; always 1',
    labels: ['name', 'mode', 'scheduler'],
    samples: ({ status: { name, mode, scheduler } }) => [[{ name, mode, scheduler }, 1]],
  },
  {
    name: 'start_time_seconds',
    help: 'When the daemon was started, Unix time',
    labels: [],
    samples: ({ status }) => [[{}, status.since / 1000]],
  },
  {
    name: 'sessions',
    help: 'Sessions by user and state',
    labels: ['user', 'state'],
    samples: ({ status }) => status.sessions.map(({ user, state }) => [{ user, state }, 1]),
  },
  {
    name: 'open_streams',
    help: 'Streams and flows that are open',
    labels: ['user'],
    samples: ({ status }) => status.sessions.map(({ user, open }) => [{ user }, open]),
  },
  {
    name: 'paths',
    help: 'Paths by user, role and state',
    labels: ['user', 'role', 'state'],
    samples: ({ status }) =>
      status.sessions.flatMap(({ user, paths }) => paths.map(({ role, state }): Sample => [{ user, role, state }, 1])),
  },
  {
    name: 'window_budget_bytes',
    help: 'Memory that windows of all sessions may still take',
    labels: [],
    samples: ({ budget }) => [[{}, budget]],
  },
]

/** Paths of a client have names that stay; at a server they come and go with numbers, and are counted by user. */
const pathFamily = (name: string, help: string, value: (path: PathStatus) => number | null): Family => ({
  name: `path_${name}`,
  help,
  labels: ['path', 'role', 'state'],
  samples: ({ status }) =>
    status.mode === 'server'
      ? []
      : status.sessions.flatMap(({ paths }) =>
          paths.map((path): Sample => [{ path: path.name, role: path.role, state: path.state }, value(path)]),
        ),
})

/** As counters must not begin anew when role or state change, they have neither. */
const pathCounter = (name: string, help: string, value: (path: PathStatus) => number | null): Family => ({
  ...pathFamily(name, help, value),
  labels: ['path'],
  samples: ({ status }) =>
    status.mode === 'server'
      ? []
      : status.sessions.flatMap(({ paths }) => paths.map((path): Sample => [{ path: path.name }, value(path)])),
})

const seconds = (milliseconds: number | null): number | null =>
  milliseconds === null ? null : Math.round(milliseconds * 1000) / 1_000_000

const PATH_GAUGES: readonly Family[] = [
  pathFamily('up', 'Whether the path carries data', ({ state }) => (state === 'up' ? 1 : 0)),
  pathFamily('rtt_seconds', 'Smoothed round trip inside the session', ({ srtt_ms }) => seconds(srtt_ms)),
  pathFamily('rtt_min_seconds', 'Least round trip of late', ({ min_rtt_ms }) => seconds(min_rtt_ms)),
  pathFamily('capacity_bytes_per_second', 'What it has delivered at its best of late', ({ capacity }) =>
    capacity === null ? null : capacity / BITS,
  ),
  pathFamily('in_flight_bytes', 'Sent, and not acknowledged', ({ in_flight_bytes }) => in_flight_bytes),
  pathFamily('queued_bytes', 'Written, and not sent by the kernel yet', ({ queued_bytes }) => queued_bytes),
  pathFamily('quota_bytes', 'What it may carry in this day or month', ({ quota }) => quota?.bytes ?? null),
  pathFamily('quota_used_bytes', 'What it has carried of that', ({ quota }) => quota?.used ?? null),
]

const PATH_COUNTERS: readonly Family[] = [
  pathCounter('sent_bytes_total', 'Octets of records sent', ({ sent_bytes }) => sent_bytes),
  pathCounter('received_bytes_total', 'Octets of records received', ({ received_bytes }) => received_bytes),
  pathCounter('records_sent_total', 'Records sent', ({ records_sent }) => records_sent),
  pathCounter('records_received_total', 'Records received', ({ records_received }) => records_received),
  pathCounter('reinjected_bytes_total', 'Sent once more for another path', ({ reinjected_bytes }) => reinjected_bytes),
  pathCounter('stalls_total', 'How often it fell silent', ({ stalls }) => stalls),
  pathCounter('attempts_total', 'Attempts to connect', ({ attempts }) => attempts),
  pathCounter('connections_total', 'Attempts that made a path', ({ connections }) => connections),
]

const userCounter = (name: string, help: string, key: keyof UserTotals): Family => ({
  name,
  help,
  labels: ['user'],
  samples: ({ totals }) => [...totals].map(([user, total]) => [{ user }, total[key]]),
})

const USER_COUNTERS: readonly Family[] = [
  userCounter('sent_bytes_total', 'Octets of records sent on all paths', 'sent'),
  userCounter('received_bytes_total', 'Octets of records received on all paths', 'received'),
  userCounter('records_sent_total', 'Records sent on all paths', 'recordsOut'),
  userCounter('records_received_total', 'Records received on all paths', 'recordsIn'),
  userCounter('reinjected_bytes_total', 'Sent once more for another path', 'reinjected'),
  userCounter('stalls_total', 'How often a path fell silent', 'stalls'),
  {
    name: 'datagrams_total',
    help: 'Datagrams of all services by fate',
    labels: ['user', 'fate'],
    samples: ({ totals }) =>
      [...totals].flatMap(([user, { datagramsOut, datagramsIn, datagramsDropped }]): Sample[] => [
        [{ user, fate: 'sent' }, datagramsOut],
        [{ user, fate: 'received' }, datagramsIn],
        [{ user, fate: 'dropped' }, datagramsDropped],
      ]),
  },
]

const SERVICE_GAUGES: readonly Family[] = [
  {
    name: 'service_open_streams',
    help: 'Streams and flows of a service that are open',
    labels: ['service', 'kind'],
    samples: ({ status }) => status.services.map(({ name, kind, open }) => [{ service: name, kind }, open]),
  },
  {
    name: 'service_datagram_age_seconds',
    help: 'How long datagrams that came of late had waited at the other end',
    labels: ['service'],
    samples: ({ status }) =>
      status.services.map(({ name, age_ms }) => [{ service: name }, seconds(age_ms?.mean ?? null)]),
  },
]

const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0)

const SERVICE_COUNTERS: readonly Family[] = [
  {
    name: 'service_streams_total',
    help: 'Streams and flows of a service that have ended, by how',
    labels: ['service', 'outcome'],
    samples: ({ status }) =>
      status.services.flatMap(({ name: service, open, total, errors }): Sample[] => [
        [{ service, outcome: 'completed' }, Math.max(0, total - open - sum(errors))],
        ...Object.entries(errors).map(([code, count]): Sample => [{ service, outcome: code.toLowerCase() }, count]),
      ]),
  },
  {
    name: 'service_bytes_total',
    help: 'Payload of a service: towards what was asked for, and back',
    labels: ['service', 'direction'],
    samples: ({ status }) =>
      status.services.flatMap(({ name: service, sent_bytes, received_bytes }): Sample[] => [
        [{ service, direction: 'there' }, sent_bytes],
        [{ service, direction: 'back' }, received_bytes],
      ]),
  },
  {
    name: 'service_datagrams_dropped_total',
    help: 'Datagrams of a service that went nowhere, by reason',
    labels: ['service', 'reason'],
    samples: ({ status }) =>
      status.services.flatMap(({ name: service, dropped }) =>
        Object.entries(dropped).map(([reason, count]): Sample => [{ service, reason }, count]),
      ),
  },
  {
    name: 'refused_openings_total',
    help: 'Streams and flows that no service heard of, by reason',
    labels: ['reason'],
    samples: ({ status: { refusals } }) => Object.entries(refusals).map(([reason, count]) => [{ reason }, count]),
  },
]

const DOOR_COUNTERS: readonly Family[] = [
  {
    name: 'handshakes_total',
    help: 'Handshakes by what came of them',
    labels: ['result'],
    samples: ({ status }) => Object.entries(status.handshakes).map(([result, count]) => [{ result }, count]),
  },
  {
    name: 'connections_total',
    help: 'Connections before the handshake by what came of them',
    labels: ['result'],
    samples: ({ connections }) => Object.entries(connections).map(([result, count]) => [{ result }, count]),
  },
]
