import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { MICROS } from '../../bench/layers/all.ts'
import { type Micro, measure, QUICK_PACE } from '../../bench/layers/micro.ts'

const MAIN = join(import.meta.dirname, '../../bench/main.js')

describe('npm run bench -- layers', () => {
  const layers = (...args: string[]) => spawnSync(process.execPath, [MAIN, 'layers', ...args], { encoding: 'utf8' })

  it('prints a row for each operation that is wanted', { timeout: 60_000 }, () => {
    const { stdout, stderr, status } = layers('--quick', '--only', 'wire header build')
    assert.equal(status, 0, stderr)
    const rows = stdout.split('\n').filter((line) => line.startsWith('| '))
    assert.match(rows[0]!, /^\| layer +\| operation +\| +ns \| +least–most \| +ns\/KiB \| +instructions \|$/)
    assert.equal(rows.length, 4)
    for (const row of rows.slice(1)) assert.match(row, /^\| wire +\| .* build.*\| +[\d.]+ \| +[\d.]+–[\d.]+ \|/)
  })

  it('refuses words that name nothing', () => {
    const { stderr, status } = layers('--only', 'nonsense')
    assert.equal(status, 2)
    assert.match(stderr, /--only "nonsense" names no operation/)
  })
})

describe('MICROS', () => {
  const byLayer = new Map<string, Micro[]>()
  for (const micro of MICROS) byLayer.set(micro.layer, [...(byLayer.get(micro.layer) ?? []), micro])
  // Stacks that the event loop drives keep it alive until the process ends.
  byLayer.delete('API')

  for (const [layer, micros] of byLayer) {
    it(`measures every operation of ${layer}`, { timeout: 120_000 }, async () => {
      for (const micro of micros) {
        const { ns, count } = await measure(await micro.prepare(), QUICK_PACE)
        assert.equal(ns.length, QUICK_PACE.rounds, micro.name)
        assert.ok(count >= 1 && ns.every((each) => each >= 0), micro.name)
      }
    })
  }

  it('measures the API in processes of their own', { timeout: 60_000 }, () => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [MAIN, 'layers', '--quick', '--json', '--only', 'API:'],
      { encoding: 'utf8' },
    )
    assert.equal(status, 0, stderr)
    const rows = stdout.trim().split('\n')
    assert.equal(rows.length, MICROS.filter(({ layer }) => layer === 'API').length)
    for (const row of rows) assert.ok(JSON.parse(row).ns >= 0)
  })
})
