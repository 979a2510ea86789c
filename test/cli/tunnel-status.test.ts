import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { statusText } from '../../src/cli/tunnel/status-text.ts'
import type { PathStatus, ServiceStatusRecord, TunnelStatus } from '../../src/tunnel/status.ts'

const PATH: PathStatus = {
  name: 'dsl',
  id: null,
  state: 'waiting',
  role: 'primary',
  weight: 0.5,
  endpoint: '192.0.2.1:7000',
  way: 'directly',
  up_ms: null,
  srtt_ms: null,
  rttvar_ms: null,
  min_rtt_ms: null,
  kernel_rtt_ms: null,
  retransmits: null,
  rate_out: 0,
  rate_in: 0,
  capacity: null,
  share: 0,
  sent_bytes: 0,
  received_bytes: 0,
  records_sent: 0,
  records_received: 0,
  queued_bytes: null,
  in_flight_bytes: 0,
  reinjected_bytes: 0,
  stalls: 0,
  attempts: 3,
  connections: 0,
  last_error: null,
  retry_ms: 500,
  quota: null,
}

const SERVICE: ServiceStatusRecord = {
  name: 'dns',
  kind: 'udp-listen',
  listening: '127.0.0.1:53',
  target: null,
  open: 0,
  total: 0,
  refused: 0,
  sent_bytes: 0,
  received_bytes: 0,
  errors: {},
  dropped: {},
  age_ms: null,
}

const STATUS: TunnelStatus = {
  name: 'client',
  mode: 'client',
  state: 'running',
  pid: 7,
  file: '/etc/gotcp/client.yaml',
  since: 0,
  scheduler: 'aggregate',
  control: null,
  metrics: null,
  listening: [],
  fingerprints: [],
  sessions: [
    {
      user: 'ada',
      peer: '192.0.2.1:7000',
      state: 'down',
      since: null,
      open: 0,
      sent_bytes: 0,
      received_bytes: 0,
      datagrams_sent: 0,
      datagrams_received: 0,
      datagrams_dropped: 0,
      paths: [PATH],
    },
  ],
  services: [SERVICE],
  refusals: { unknown: 0, forbidden: 0 },
  handshakes: {},
  restart_needed: [],
  warnings: [],
}

const textOf = (more: Partial<TunnelStatus>): string => statusText({ ...STATUS, ...more }, (_, text) => text).join('\n')

describe('statusText()', () => {
  it('says what became of handshakes in words', () => {
    const handshakes = { admitted: 14, credentials: 7, ban: 1, banned: 3, closed: 1, 'something new': 2 }
    assert.match(
      textOf({ handshakes }),
      /handshakes: 14 begun, 7 with a wrong user or password, 1 ban, 3 from banned addresses, 1 broken off, 2 something new\n/,
    )
  })

  it('shows a weight only where it counts', () => {
    assert.match(textOf({}), /role: primary\n/)
    assert.match(textOf({ scheduler: 'weighted' }), /role: primary, weight 0\.5\n/)
  })

  it('calls what a udp service carries flows', () => {
    assert.match(textOf({}), /\n {2}flows: /)
  })
})
