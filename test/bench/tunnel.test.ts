import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { isMet, Sheet } from '../../bench/tunnel/sheet.ts'

const MAIN = join(import.meta.dirname, '../../bench/main.js')

describe('npm run bench -- tunnel', () => {
  const tunnel = (...args: string[]) => spawnSync(process.execPath, [MAIN, 'tunnel', ...args], { encoding: 'utf8' })

  it('pours a stream through everything, and misses nothing of it', { timeout: 60_000 }, () => {
    const { stdout, stderr, status } = tunnel('--quick', '--only', 'bulk', '--json')
    assert.equal(status, 0, stderr)
    const { part, rows, targets } = JSON.parse(stdout)
    assert.equal(part, 'bulk')
    for (const { subject, ...figures } of rows) assert.ok(figures['Gbit/s'][0] > 0, subject)
    assert.deepEqual(
      rows.slice(0, 6).map(({ subject }: { subject: string }) => subject),
      [
        'node:net, two processes',
        'node:tls, one connection, two processes',
        'session over 4 TLS paths, two processes',
        'two relays of node:net, TLS between',
        'daemons, 4 TLS paths',
        'daemons, 4 paths in the clear',
      ],
    )
    assert.ok(targets.length >= 2)
  })

  it('counts what many connections leave behind', { timeout: 60_000 }, () => {
    const { stdout, stderr, status } = tunnel('--quick', '--only', 'short')
    assert.equal(status, 0, stderr)
    const rows = stdout.split('\n').filter((line) => line.startsWith('| '))
    assert.match(rows[0]!, /connections a minute .*client, streams .*server, MiB/)
    assert.match(rows.at(-1)!, /^\| after batch 3 \| +\d+ \| +[\d.]+ \| +0 \| +\d+ \| +\d+ \| +0 \| +\d+ \| +\d+ \|$/)
  })

  it('refuses a part that it does not have', () => {
    const { stderr, status } = tunnel('--only', 'bulk,nonsense')
    assert.equal(status, 2)
    assert.match(stderr, /--only is some of bulk, .*, not "nonsense"/)
  })
})

describe('Sheet', () => {
  const sheet = new Sheet('a part: what it is', [
    { title: 'rate', digits: 1, isCompared: true },
    { title: 'gap', digits: 0 },
  ])
  for (const rate of [4, 2, 6]) sheet.add('direct', [rate, Number.NaN])
  for (const rate of [2, 2, 3]) sheet.add('ours', [rate, 7])
  sheet.expect('ours', 'rate', { least: 1.5 })
  sheet.expect('ours', 'gap', { most: 6 })
  sheet.expect('direct', 'gap', { most: 6 })
  sheet.expect('nobody', 'gap', { most: 6 })

  it('compares medians with the first subject, and says which are what they are meant to be', () => {
    assert.deepEqual(`${sheet}`.split('\n'), [
      'a part: what it is',
      '',
      '|        |          rate | × first |     gap |',
      '|--------|--------------:|--------:|--------:|',
      '| direct | 4.0 [2.0–6.0] |    1.00 |         |',
      '| ours   | 2.0 [2.0–3.0] |    0.50 | 7 [7–7] |',
      '',
      'met    ours: rate 2.0, at least 1.5 is wanted',
      'MISSED ours: gap 7, at most 6 is wanted',
    ])
  })

  it('expects nothing where there is no figure', () => {
    assert.deepEqual(sheet.verdicts.map(isMet), [true, false])
  })
})
