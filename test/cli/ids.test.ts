import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { RULE_NAMES } from '../../src/cli/ids/rules.ts'
import { PCAP } from '../../src/wire/pcap.ts'
import { CaptureEncoder } from '../../src/wire/pcap-encoder.ts'
import { LinkType } from '../../src/wire/pcap-record.ts'
import { A, B, icmp, tcp, udp } from '../wire/build.ts'
import { gotcp } from './world.ts'

const CALM: readonly Uint8Array[] = [
  tcp({ srcPort: 39472, dstPort: 81, flags: 2 }),
  tcp({ src: B, dst: A, srcPort: 81, dstPort: 39472, flags: 0x12, ack: 1001 }),
  udp({}),
  icmp({ type: 8 }),
]
const SCAN = Array.from({ length: 57 }, (_, i) => tcp({ dstPort: 1000 + i, flags: 2 }))

describe('gotcp ids', () => {
  let folder = ''
  const path = (name: string): string => join(folder, name)

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'gotcp-ids-'))
    for (const [name, frames] of [
      ['calm.pcap', CALM],
      ['scan.pcap', [...CALM, ...SCAN]],
    ] as const) {
      const chunks: Uint8Array[] = []
      const encoder = new CaptureEncoder(PCAP, LinkType.ETHERNET, (chunk) => chunks.push(chunk))
      frames.forEach((frame, i) => {
        encoder.add(1_700_000_000, i * 1_000_000, frame, 0, frame.length)
      })
      encoder.flush()
      writeFileSync(path(name), Buffer.concat(chunks))
    }
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('prints destination, source, ports and protocol of each packet, then the flows', async () => {
    const { code, stdout, stderr } = await gotcp('ids', '-r', path('calm.pcap'))
    assert.equal(code, 0)
    assert.deepEqual(stdout.split('\n').slice(0, 4), [
      '[10.0.0.3 10.0.0.2 81 39472 tcp]',
      '[10.0.0.2 10.0.0.3 39472 81 tcp]',
      '[10.0.0.3 10.0.0.2 6000 5000 udp]',
      '[10.0.0.3 10.0.0.2 0 0 icmp]',
    ])
    assert.match(stdout, /\nprotocol {2}from +to +packets +size +state +age\n/)
    assert.match(stdout, /\ntcp +10\.0\.0\.2:39472 +10\.0\.0\.3:81 +2 +108 B +syn received +1\.00 ms\n/)
    assert.equal(stderr, '4 packets seen; 3 flows; 0 alerts\n')
  })

  it('says an alert once, and its repeats with a count', async () => {
    const { code, stdout, stderr } = await gotcp('ids', '-r', path('scan.pcap'), '--quiet')
    assert.equal(code, 0)
    const [first, again, ...rest] = stdout.trim().split('\n')
    assert.match(first!, /^\d\d:\d\d:\d\d ALERT medium syn-scan 10\.0\.0\.2: 20 ports of 10\.0\.0\.3 in 0\.02 s/)
    assert.match(again!, / ALERT medium syn-scan 10\.0\.0\.2: 57 ports of 10\.0\.0\.3 .* \(x38\)$/)
    assert.deepEqual(rest, [])
    assert.match(stderr, /^61 packets seen; 60 flows; 1 alert\n$/)
  })

  it('prints records for programs', async () => {
    const { stdout } = await gotcp('ids', '-r', path('scan.pcap'), '--json', '--flows', '1')
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      records.filter(({ event }) => event !== 'packet').map(({ event }) => event),
      ['alert', 'alert', 'flow', 'summary'],
    )
    const alert = records.find(({ event }) => event === 'alert')
    assert.deepEqual([alert.rule, alert.severity, alert.subject, alert.count], ['syn-scan', 'medium', '10.0.0.2', 1])
    assert.deepEqual(records.at(-1), {
      v: 1,
      event: 'summary',
      packets: 61,
      dropped_by_kernel: null,
      flows: 60,
      alerts: 1,
    })
  })

  it('fails on alerts severe enough', async () => {
    const ids = (...flags: readonly string[]): Promise<{ code: number }> =>
      gotcp('ids', '-r', path('scan.pcap'), ...flags)
    assert.equal((await ids('--fail-on', 'low')).code, 1)
    assert.equal((await ids('--fail-on', 'medium')).code, 1)
    assert.equal((await ids('--fail-on', 'high')).code, 0)
    assert.equal((await ids('--fail-on', 'low', '--threshold', 'syn-scan=100')).code, 0)
    assert.equal((await ids('--fail-on', 'low', 'udp')).code, 0)
    assert.equal((await gotcp('ids', '-r', path('calm.pcap'), '--fail-on', 'low')).code, 0)
  })

  it('lists its rules', async () => {
    const { stdout } = await gotcp('ids', '--rules', '--threshold', 'syn-scan=7')
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/ +/)[0]),
      RULE_NAMES,
    )
    assert.match(stdout, /^syn-scan +medium +a source tries 7 ports or hosts/)
  })

  it('refuses what makes no sense', async () => {
    assert.match((await gotcp('ids', '--threshold', 'rain=5')).stderr, /expected|is not a rule and a number/)
    assert.match((await gotcp('ids', '--fail-on', 'terrible')).stderr, /one of low, medium, high/)
    assert.equal((await gotcp('ids', '-r', path('missing'))).code, 2)
  })
})
