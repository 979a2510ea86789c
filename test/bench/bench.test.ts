import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { MarkChecker, markAll } from '../../bench/mark.ts'
import { MEASUREMENTS, type Row } from '../../bench/rows.ts'
import { Table } from '../../bench/table.ts'
import { readWrk } from '../../bench/wrk.ts'
import { labUnavailable } from '../real/netns.ts'

const MAIN = join(import.meta.dirname, '../../bench/main.js')
const noCompiler = spawnSync('cc', ['--version']).error === undefined ? undefined : 'there is no C compiler (cc)'

interface Printed {
  readonly head: string
  readonly rows: readonly string[]
}

/** The Markdown tables in a text. */
function tablesIn(text: string): Printed[] {
  const tables = text.split('\n\n').filter((part) => part.startsWith('| '))
  return tables.map((table) => {
    const [head, , ...rows] = table.trim().split('\n')
    return { head: head!, rows }
  })
}

function assertFigures({ rows }: Printed, count: number, figures: number): void {
  assert.equal(rows.length, count)
  for (const row of rows) {
    const values = row.split('|').slice(2, -1).map(Number)
    assert.equal(values.length, figures, row)
    assert.ok(
      values.every((value) => value >= 0),
      row,
    )
  }
}

describe('npm run bench', () => {
  const bench = (...args: string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' })

  it('tells its usage with --help', () => {
    for (const args of [['--help'], ['line', '--help']]) {
      const { stdout, status } = bench(...args)
      assert.equal(status, 0)
      assert.match(stdout, /^usage: npm run bench/)
    }
  })

  it('refuses what it does not know with a sentence', () => {
    for (const [args, message] of [
      [['--quik'], /Unknown option '--quik'[\s\S]*usage:/],
      [['lines'], /Unexpected argument 'lines'[\s\S]*usage:/],
      [['line', '--bogus'], /Unknown option '--bogus'[\s\S]*usage:/],
      [['line', '--cells', '1%'], /a cell is like 1%\/20ms, not "1%"/],
      [['line', '--runs', 'x'], /--runs is a number above 0, not "x"/],
      [['share', '--only', '99'], /--only is a number from 1 to /],
    ] as const) {
      const { stderr, status } = bench(...args)
      assert.equal(status, 2)
      assert.match(stderr, message)
      assert.doesNotMatch(stderr, /^ +at /m)
    }
  })
})

describe('npm run bench -- --quick', { skip: labUnavailable() ?? noCompiler }, () => {
  it('prints every row with a figure for each subject', { timeout: 240_000 }, () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [MAIN, '--quick'], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const [first, http] = tablesIn(stdout)
    assert.match(first!.head, /kernel .*node:net .*ratio .*AF_PACKET .*ratio .*gotcp\/net .*ratio .*TAP .*ratio/)
    assertFigures(first!, MEASUREMENTS.flatMap((measurement) => measurement.rows).length, 9)
    if (http === undefined) assert.match(stdout, /HTTP: not measured, there is no wrk. Run: apt-get install wrk/)
    else assertFigures(http, 3, 3)
  })
})

const noEthtool = spawnSync('ethtool', ['--version']).error === undefined ? undefined : 'there is no ethtool'

describe('npm run bench -- links --quick', { skip: labUnavailable() ?? noCompiler ?? noEthtool }, () => {
  it('prints a table for each wire', { timeout: 240_000 }, () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [MAIN, 'links', '--quick'], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const [ring, shared, plain, segments, ...more] = tablesIn(stdout)
    assert.deepEqual(more, [])
    assert.match(ring!.head, /AF_PACKET .*ring: 0 .*ring: 128 .*spin: 50 /)
    assertFigures(ring!, 10, 9)
    assert.match(shared!.head, /shared address .*ratio/)
    assertFigures(shared!, MEASUREMENTS.flatMap((measurement) => measurement.rows).length, 3)
    for (const table of [plain!, segments!]) assertFigures(table, 4, 5)
  })
})

describe('npm run bench -- bare --quick', { skip: labUnavailable() ?? noCompiler ?? noEthtool }, () => {
  it('compares the kernel, C over the same kind of socket, and us', { timeout: 120_000 }, () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [MAIN, 'bare', '--quick'], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const [usual, plain, ...more] = tablesIn(stdout)
    assert.deepEqual(more, [])
    assert.match(usual!.head, /kernel .* C over AF_PACKET .*ratio .* with a copy .*ratio .* gotcp .*ratio/)
    assertFigures(usual!, MEASUREMENTS.flatMap((measurement) => measurement.rows).length + 2, 7)
    assertFigures(plain!, 4, 7)
  })
})

describe('readWrk', () => {
  const printed = (trouble: string): string => `Running 1s test @ http://10.0.0.1:8080/
  Latency Distribution
     50%  640.00us
     75%    2.05ms
     99%    1.20s ${''}
  42 requests in 1.00s, 5.00KB read
${trouble}Requests/sec:     42.50
`

  it('finds the figures, whatever their unit', () => {
    assert.deepEqual(readWrk(printed('')), { rate: 42.5, p50: 0.64, p99: 1200, wrong: 0 })
  })

  it('counts what went wrong', () => {
    const trouble = '  Socket errors: connect 1, read 2, write 0, timeout 3\n  Non-2xx or 3xx responses: 4\n'
    assert.equal(readWrk(printed(trouble)).wrong, 10)
  })
})

describe('npm run bench -- worker --quick', { skip: labUnavailable() ?? noCompiler }, () => {
  it('compares both kinds of stack, with a free and a busy thread', { timeout: 180_000 }, () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [MAIN, 'worker', '--quick'], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const heads = stdout
      .split('\n')
      .filter((line) => /^\| .* createStack \| +createStackWorker \| +ratio \|$/.test(line))
    assert.equal(heads.length, 2)
    assert.match(stdout, /by MessagePort.*\d µs\n.*by Atomics\.waitAsync.*\d µs\n$/)
  })
})

describe('npm run bench -- line', { skip: labUnavailable() ?? noCompiler }, () => {
  it('puts both kernels and us behind the line of each cell', { timeout: 60_000 }, () => {
    const args = ['line', '--cells', '0%/2ms,5%/2ms', '--runs', '1', '--seconds', '0.5', '--at-once', '2']
    const { stdout, stderr, status } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const lines = stdout.split('\n').filter((line) => line.startsWith('| '))
    assert.match(lines[0]!, /kernel -> kernel .*ours -> kernel .*ratio .*kernel -> ours .*ratio/)
    assert.match(lines[1]!, /^\| 0%\/2ms, Mbit\/s +(\| +\d+\.\d\d ){5}\|$/)
    assert.equal(lines.length, 3)
  })
})

describe('Table', () => {
  const row = (up: boolean): Row => ({ title: 'speed', figure: 'gbps', unit: 'Gbit/s', digits: 1, up })
  const samples = new Map([
    ['kernel', [4, 2, 6]],
    ['ours', [1, 3, 2]],
  ])

  it('compares medians with the first subject, more than 1 being better', () => {
    const table = new Table(['kernel', 'ours'])
    table.add(row(true), samples)
    table.add(row(false), samples)
    assert.deepEqual(`${table}`.split('\n'), [
      '|               |        kernel |          ours | ratio |',
      '|---------------|--------------:|--------------:|------:|',
      '| speed, Gbit/s | 4.0 [2.0–6.0] | 2.0 [1.0–3.0] |  0.50 |',
      '| speed, Gbit/s | 4.0 [2.0–6.0] | 2.0 [1.0–3.0] |  2.00 |',
    ])
  })
})

describe('MarkChecker', () => {
  const stream = new Uint8Array(1 << 18)
  markAll(stream, 0)
  const wrongIn = (...pieces: Uint8Array[]): number => {
    const checker = new MarkChecker()
    for (const piece of pieces) checker.take(piece, piece.length)
    return checker.wrong
  }

  it('accepts a stream in any pieces, and sees a lost, doubled or swapped one', () => {
    const [a, b, c] = [stream.subarray(0, 5000), stream.subarray(5000, 20_000), stream.subarray(20_000)]
    assert.equal(wrongIn(a, b, c), 0)
    assert.ok(wrongIn(a, c) > 0)
    assert.ok(wrongIn(a, b, b, c) > 0)
    assert.ok(wrongIn(b, a, c) > 0)
  })
})
