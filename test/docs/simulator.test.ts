import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'

const root = join(import.meta.dirname, '../../..')

describe('docs/simulator.md', () => {
  it('shows a program that works as it stands, twice the same', () => {
    const text = readFileSync(join(root, 'docs/simulator.md'), 'utf8')
    const program = /^```ts\n([\s\S]*?)^```/m.exec(text)![1]!
    const folder = mkdtempSync(join(tmpdir(), `gotcp-simulator-${process.pid}-`))
    try {
      const file = join(folder, 'program.mjs')
      writeFileSync(file, program.replace("'gotcp'", JSON.stringify(join(root, 'dist/src/index.js'))))
      const run = () => ({
        said: execFileSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' }),
        series: readFileSync(join(folder, 'window.csv'), 'utf8'),
        capture: readFileSync(join(folder, 'line.pcap')),
      })
      const first = run()
      assert.match(first.said, /^4000000 bytes in \d+\.\d+ s/)
      assert.ok(first.series.split('\n').length > 1000)
      assert.ok(first.capture.length > 4_000_000)
      assert.deepEqual(run(), first)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
