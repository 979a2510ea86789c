import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { Gate } from '../../bench/soak/gate.ts'
import { type Sample, slopeOf, trendsOf } from '../../bench/soak/judge.ts'
import { Checker, MAX_PIECE, payload } from '../../bench/soak/payload.ts'
import { labUnavailable } from '../real/netns.ts'

const MAIN = join(import.meta.dirname, '../../bench/main.js')
const MIB = 1 << 20

describe('npm run bench -- soak', () => {
  const soak = (...args: string[]) => spawnSync(process.execPath, [MAIN, 'soak', ...args], { encoding: 'utf8' })

  it('runs every load on two stacks and finds nothing wrong', { timeout: 180_000 }, () => {
    const { stdout, stderr, status } = soak('--minutes', '0.02', '--peer', 'stack', '--json')
    assert.equal(status, 0, stderr)
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const summary = events.at(-1)
    assert.deepEqual([summary.ev, summary.passed, summary.wrong], ['summary', true, 0])
    for (const figure of ['bytes', 'connections', 'requests', 'datagrams', 'pings']) assert.ok(summary[figure] > 0)
    assert.ok(events.slice(0, -1).every(({ ev, live }) => ev === 'rest' && live === 8))
  })

  it('runs them against the kernel as well', { skip: labUnavailable(), timeout: 180_000 }, () => {
    const { stdout, stderr, status } = soak('--minutes', '0.02', '--peer', 'kernel')
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^\| +minutes \| .* heap MiB .* TIME-WAIT /m)
    assert.match(stdout, /too short a time to judge\nnothing wrong, nothing stuck\n$/)
  })

  it('refuses a peer that it does not know', () => {
    const { stderr, status } = soak('--peer', 'nobody')
    assert.equal(status, 2)
    assert.match(stderr, /--peer is one of both, stack, kernel/)
  })
})

describe('trendsOf()', () => {
  const soakOf = (heap: (i: number) => number): Sample[] =>
    Array.from({ length: 40 }, (_, i) => ({ minutes: i, heap: heap(i), external: MIB, buffers: MIB, rss: 90 * MIB }))
  const isHeapFlat = (heap: (i: number) => number): boolean => trendsOf(soakOf(heap))![0]!.isFlat

  it('calls flat what grows at first, and what only wavers', () => {
    assert.ok(isHeapFlat((i) => 20 * MIB + Math.min(i, 15) * MIB))
    assert.ok(isHeapFlat((i) => 20 * MIB + (i % 3) * MIB))
  })

  it('finds a steady leak, and is not misled by an outlier', () => {
    assert.ok(!isHeapFlat((i) => 20 * MIB + (i * MIB) / 8))
    assert.ok(!isHeapFlat((i) => (i === 21 ? 60 : 20) * MIB + (i * MIB) / 8))
  })

  it('says nothing of a soak that is too short', () => {
    assert.equal(trendsOf(soakOf(() => MIB).slice(0, 9)), undefined)
  })

  it('has the slope of a line', () => {
    const points = [1, 2, 3, 4].map((x) => [x, 5 * x] as const)
    assert.equal(slopeOf(points), 5)
  })
})

describe('Checker', () => {
  it('accepts the stream in any pieces, and sees one wrong byte', () => {
    const start = 0xffff_ff00
    const whole = Buffer.concat([payload(start, MAX_PIECE), payload(start + MAX_PIECE, 1000)])
    const sound = new Checker(start)
    for (const [from, to] of [
      [0, 1],
      [1, 40_000],
      [40_000, whole.length],
    ]) {
      sound.take(whole.subarray(from, to))
    }
    assert.deepEqual([sound.bytes, sound.wrong], [whole.length, 0])
    whole[50_000]! ^= 1
    const harmed = new Checker(start)
    harmed.take(whole)
    assert.equal(harmed.wrong, 1)
  })
})

describe('Gate', () => {
  it('tells when all workers rest, and lets them go on', async () => {
    const gate = new Gate(2)
    await gate.pass()
    const rest = gate.rest()
    const passed = [gate.pass(), gate.pass()]
    await rest
    gate.open()
    await Promise.all([...passed, gate.pass()])
  })
})
