import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'

import { cpuSeconds, residentKib, slabKib, tree } from '../../bench/peers/process-tree.ts'
import { Ranking } from '../../bench/peers/ranking.ts'
import type { Row } from '../../bench/rows.ts'
import { labUnavailable } from '../real/netns.ts'

const MAIN = join(import.meta.dirname, '../../bench/main.js')
const noCompiler = spawnSync('cc', ['--version']).error === undefined ? undefined : 'there is no C compiler (cc)'
const bench = (...args: string[]) => spawnSync(process.execPath, [MAIN, 'peers', ...args], { encoding: 'utf8' })

const PEERS = ['gVisor on AF_PACKET', 'lwIP on TAP', 'slirp4netns', 'pasta (passt)', 'tcpip.js on TAP'] as const

describe('npm run bench -- peers --quick', { skip: labUnavailable() ?? noCompiler }, () => {
  it('measures the kernel, us and every peer that is installed, and names the others', { timeout: 240_000 }, () => {
    const { stdout, stderr, status } = bench('--quick')
    assert.equal(status, 0, stderr)
    const [head, , ...rows] = stdout.split('\n').filter((line) => line.startsWith('|'))
    assert.match(head!, /kernel .*gotcp on AF_PACKET .*gotcp on TAP/)
    for (const peer of PEERS) {
      if (!head!.includes(peer)) assert.ok(stdout.includes(`\nnot measured: ${peer}: `), `${peer} is left out silently`)
    }
    const columns = head!.split('|').length
    const isLossy = (row: string): boolean => row.includes('% lost each way')
    assert.equal(rows.filter((row) => !isLossy(row)).length, 11)
    assert.equal(rows.filter(isLossy).length, stdout.includes('not measured: a line that loses') ? 0 : 2)
    for (const row of rows) {
      const cells = row.split('|').map((part) => part.trim())
      assert.equal(cells.length, columns)
      const ours = isLossy(row) ? [] : cells.slice(2, 5)
      for (const figure of ours) assert.match(figure, /^(\*\*)?-?\d+(\.\d+)?(\*\*)?$/, `${row}\n${stdout}`)
    }
  })

  it('refuses a choice of nobody', () => {
    const { stderr, status } = bench('--quick', '--only', 'nobody')
    assert.equal(status, 2)
    assert.match(stderr, /--only names none of: kernel, gotcp on AF_PACKET/)
  })
})

describe('Ranking', () => {
  const row = (title: string, up: boolean): Row => ({ title, figure: 'gbps', unit: 'Gbit/s', digits: 1, up })
  const roles = { competes: (title: string) => title !== 'kernel', isOurs: (title: string) => title === 'ours' }

  it('shows the best in user space in bold, names who beats us, and why a cell is empty', () => {
    const ranking = new Ranking(['kernel', 'ours', 'peer', 'guest'], roles)
    const failure = { failure: '3 wrong' }
    ranking.add(
      row('speed', true),
      new Map([
        ['kernel', [9]],
        ['ours', [4]],
        ['peer', [3, failure, 5, 1]],
      ]),
    )
    ranking.add(
      row('  cost', false),
      new Map([
        ['kernel', [1]],
        ['ours', [4]],
        ['peer', [2]],
        ['guest', [failure]],
      ]),
    )
    assert.deepEqual(`${ranking}`.split('\n'), [
      '|                | kernel |    ours |                     peer |  guest |',
      '|----------------|-------:|--------:|-------------------------:|-------:|',
      '| speed, Gbit/s  |    9.0 | **4.0** | 3.0 [1.0–5.0] (1 failed) |      – |',
      '|   cost, Gbit/s |    1.0 |     4.0 |                  **2.0** | failed |',
      '',
      'peer, speed: 3 wrong',
      'peer is ahead of us: speed, cost',
      'guest, speed, cost: 3 wrong',
    ])
  })
})

describe('what /proc says of a process', { skip: process.platform === 'linux' ? false : 'there is no /proc' }, () => {
  it('is known of this one and its children', () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'])
    assert.deepEqual(
      tree(process.pid).filter((pid) => [process.pid, child.pid].includes(pid)),
      [process.pid, child.pid],
    )
    child.kill()
    assert.ok(cpuSeconds(process.pid) >= 0)
    assert.ok(residentKib(process.pid) > 1024)
    assert.ok(slabKib() > 1024)
  })
})
