import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { MarkChecker, markAll } from '../../bench/mark.ts'
import { MEASUREMENTS, type Row } from '../../bench/rows.ts'
import { Table } from '../../bench/table.ts'
import { labUnavailable } from '../real/netns.ts'

const MAIN = join(import.meta.dirname, '../../bench/main.js')
const noCompiler = spawnSync('cc', ['--version']).error === undefined ? undefined : 'there is no C compiler (cc)'

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
  it('prints every row with a figure for each subject', { timeout: 120_000 }, () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, [MAIN, '--quick'], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const lines = stdout.split('\n').filter((line) => line.startsWith('| '))
    assert.match(lines[0]!, /kernel .*AF_PACKET, own address .*ratio .*gotcp\/net .*ratio .*TAP .*ratio/)
    const rows = MEASUREMENTS.flatMap((measurement) => measurement.rows)
    assert.equal(lines.length, rows.length + 1)
    for (const line of lines.slice(1)) {
      const figures = line.split('|').slice(2, -1).map(Number)
      assert.equal(figures.length, 7)
      assert.ok(
        figures.every((figure) => figure >= 0),
        line,
      )
    }
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
