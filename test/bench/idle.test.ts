import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { labUnavailable } from '../real/netns.ts'

const MAIN = join(import.meta.dirname, '../../bench/main.js')

describe('npm run bench -- idle', () => {
  const idle = (...args: string[]) => spawnSync(process.execPath, [MAIN, 'idle', ...args], { encoding: 'utf8' })

  it('holds connections between two stacks, and each answers', { timeout: 60_000 }, () => {
    const { stdout, stderr, status } = idle('--connections', '300', '--json')
    assert.equal(status, 0, stderr)
    const { ends, answers, idle: memory } = JSON.parse(stdout)
    assert.deepEqual([ends, answers], [600, 1300])
    for (const figure of ['heap', 'external', 'rss']) assert.ok(Number.isFinite(memory[figure]))
  })

  it('holds them to the kernel', { skip: labUnavailable(), timeout: 60_000 }, () => {
    const { stdout, stderr, status } = idle('--connections', '300', '--against', 'kernel')
    assert.equal(status, 0, stderr)
    assert.match(stdout, /^300 connections to the kernel$/m)
    assert.match(stdout, /^\| idle +\| +\d+ \| +-?\d+ \| +-?\d+ \|$/m)
    assert.match(stdout, /all 1300 answered/)
  })

  it('refuses another end that it does not know', () => {
    const { stderr, status } = idle('--against', 'nobody')
    assert.equal(status, 2)
    assert.match(stderr, /--against is one of stack, kernel/)
  })
})
