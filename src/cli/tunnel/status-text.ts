import type { PathStatus, ServiceStatusRecord, SessionStatus, TunnelStatus } from '../../tunnel/status.ts'
import type { Style } from '../output.ts'
import { formatAge, formatBytes, formatMs, formatPercent, formatRate, formatSeconds, plural } from '../units.ts'

type Paint = (style: Style, text: string) => string

/** A word and what it says; none where there is nothing to say. */
type Row = readonly [label: string, text: string] | undefined

/** A tunnel's state in the layout of `wg show`. */
export function statusText(status: TunnelStatus, paint: Paint): readonly string[] {
  const { name, mode, pid, since } = status
  return [
    `${paint('bold', 'tunnel')}: ${name}`,
    ...rows('  ', paint, [
      ['mode', `${mode}, pid ${pid}, up for ${age(since)}${status.state === 'running' ? '' : `, ${status.state}`}`],
      status.listening.length === 0 ? undefined : ['listening on', status.listening.join(', ')],
      ...status.fingerprints.map((fingerprint): Row => ['fingerprint', fingerprint]),
      ['scheduler', status.scheduler],
      handshakes(status),
      status.restart_needed.length === 0 ? undefined : ['restart needed', `for ${status.restart_needed.join(', ')}`],
      ...status.warnings.map((warning): Row => ['warning', warning]),
    ]),
    ...status.sessions.flatMap((session) => ['', ...sessionText(session, status, paint)]),
    ...status.services.flatMap((service) => ['', ...serviceText(service, paint)]),
    ...refusals(status, paint),
  ]
}

const rows = (indent: string, paint: Paint, all: readonly Row[]): readonly string[] =>
  all.flatMap((row) => (row === undefined ? [] : [`${indent}${paint('bold', row[0])}: ${row[1]}`]))

const age = (since: number): string => formatAge((Date.now() - since) / 1000)

/** What became of handshakes, where the name of its counter says too little. */
const HANDSHAKE_WORDS: Readonly<Record<string, string>> = {
  admitted: 'begun',
  rate: 'too soon after others',
  'half-open': 'too many of one address',
  displaced: 'given up for newer ones',
  busy: 'told that there are too many',
  banned: 'from banned addresses',
  version: 'of another version',
  protocol: 'of another protocol',
  timeout: 'too slow',
  closed: 'broken off',
  credentials: 'with a wrong user or password',
  binding: 'with somebody in between',
  session: 'for sessions that are gone',
  path: 'with a number used before',
  limit: 'beyond a limit',
  closing: 'at the end',
}

function handshakes({ handshakes: counted }: TunnelStatus): Row {
  const words = Object.entries(counted).map(([what, count]) => {
    return what === 'ban' ? plural(count, 'ban') : `${count} ${HANDSHAKE_WORDS[what] ?? what}`
  })
  return words.length === 0 ? undefined : ['handshakes', words.join(', ')]
}

function refusals({ refusals: { unknown, forbidden } }: TunnelStatus, paint: Paint): readonly string[] {
  if (unknown + forbidden === 0) return []
  return [
    '',
    ...rows('', paint, [['turned away', `${unknown} for services that are not here, ${forbidden} forbidden`]]),
  ]
}

function sessionText(session: SessionStatus, { scheduler }: TunnelStatus, paint: Paint): readonly string[] {
  const { user, peer, state, since, open } = session
  const states = { up: 'up', frozen: 'frozen: no path carries anything, its streams wait', down: 'down' }
  return [
    `${paint('green', 'session')}: ${user}, ${peer}`,
    ...rows('  ', paint, [
      ['state', `${states[state]}${since === null ? '' : `, began ${age(since)} ago`}`],
      ['open', plural(open, 'stream')],
      ['transfer', `${formatBytes(session.received_bytes)} received, ${formatBytes(session.sent_bytes)} sent`],
      datagrams(session),
    ]),
    ...session.paths.flatMap((path) => ['', ...pathText(path, scheduler, paint)]),
  ]
}

function datagrams({ datagrams_received: came, datagrams_sent: went, datagrams_dropped: lost }: SessionStatus): Row {
  return came + went === 0 ? undefined : ['datagrams', `${came} received, ${went} sent, ${lost} dropped`]
}

function pathText(path: PathStatus, scheduler: string, paint: Paint): readonly string[] {
  const { name, role, endpoint, way, rate_in, rate_out, share, quota } = path
  return [
    `  ${paint('yellow', 'path')}: ${name}`,
    ...rows('    ', paint, [
      ['state', stateWords(path)],
      path.last_error === null ? undefined : ['last error', path.last_error.message],
      ['endpoint', way === null ? endpoint : `${endpoint}, ${way}`],
      ['role', scheduler === 'weighted' ? `${role}, weight ${path.weight}` : role],
      path.srtt_ms === null
        ? undefined
        : ['round trip', `${formatMs(path.srtt_ms)}, least ${formatMs(path.min_rtt_ms ?? Number.NaN)}`],
      path.retransmits === null ? undefined : ['retransmits', `${path.retransmits}`],
      ['rate', `${formatRate(rate_in)} in, ${formatRate(rate_out)} out; ${formatShare(share)} of all`],
      ['transfer', `${formatBytes(path.received_bytes)} received, ${formatBytes(path.sent_bytes)} sent`],
      path.id === null
        ? undefined
        : ['waiting', `${formatBytes(path.queued_bytes ?? 0)} queued, ${formatBytes(path.in_flight_bytes)} in flight`],
      troubles(path),
      quota === null ? undefined : ['quota', quotaWords(quota)],
    ]),
  ]
}

/** To a tenth of a percent. */
export const formatShare = (share: number): string => formatPercent(Math.round(share * 1000) / 1000)

/** The state in a word: `down` while the next attempt is waited for. */
export const stateWord = (state: PathStatus['state']): string => (state === 'waiting' ? 'down' : state)

function stateWords({ state, up_ms, retry_ms, connections }: PathStatus): string {
  switch (state) {
    case 'up':
      return up_ms === null ? 'up' : `up for ${formatAge(up_ms / 1000)}`
    case 'stalled':
      return 'stalled: it is there and silent, others carry what it had'
    case 'connecting':
      return connections === 0 ? 'connecting' : 'connecting again'
    case 'waiting':
      return `down, tried again in ${formatSeconds((retry_ms ?? 0) / 1000)}`
    default:
      return state
  }
}

function troubles({ stalls, reinjected_bytes, connections }: PathStatus): Row {
  const words = [
    ...(reinjected_bytes === 0 ? [] : [`${formatBytes(reinjected_bytes)} sent again for other paths`]),
    ...(stalls === 0 ? [] : [plural(stalls, 'stall')]),
    ...(connections <= 1 ? [] : [`connected ${connections} times`]),
  ]
  return words.length === 0 ? undefined : ['trouble', words.join(', ')]
}

function quotaWords({ bytes, used, period, exhausted, until }: NonNullable<PathStatus['quota']>): string {
  const left = exhausted ? `used up, backup until ${new Date(until).toISOString()}` : `of this ${period}`
  return `${formatBytes(used)} of ${formatBytes(bytes)} ${left}`
}

function serviceText(service: ServiceStatusRecord, paint: Paint): readonly string[] {
  const { name, kind, listening, target, open, total, refused, errors, dropped, age_ms } = service
  const counts = (all: Readonly<Record<string, number>>): string =>
    Object.entries(all)
      .map(([what, count]) => `${count} ${what}`)
      .join(', ')
  return [
    `${paint('cyan', 'service')}: ${name}`,
    ...rows('  ', paint, [
      [kind, listening ?? target ?? 'what is asked for'],
      [
        kind.startsWith('udp') ? 'flows' : 'streams',
        `${open} open, ${total} in all${refused === 0 ? '' : `, ${refused} refused`}`,
      ],
      ['transfer', `${formatBytes(service.sent_bytes)} there, ${formatBytes(service.received_bytes)} back`],
      counts(errors) === '' ? undefined : ['ended early', counts(errors)],
      counts(dropped) === '' ? undefined : ['dropped', counts(dropped)],
      age_ms === null ? undefined : ['age', `${formatMs(age_ms.mean)} of late, ${formatMs(age_ms.most)} at most`],
    ]),
  ]
}
