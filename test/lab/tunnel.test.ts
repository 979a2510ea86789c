import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { probeAccess } from '../../src/lab/namespace.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const LIMIT = { timeout: 120_000 }
const access = probeAccess()

type Record = { readonly event: string } & { readonly [field: string]: unknown }

describe('gotcp lab tunnel', { skip: 'access' in access ? false : access.reason }, () => {
  // All temporary files go here, so that it can be seen that none is left.
  const folder = mkdtempSync(join(tmpdir(), `gotcp-test-${process.pid}-`))
  after(() => rmSync(folder, { recursive: true, force: true }))

  const start = (env: NodeJS.ProcessEnv = {}): ChildProcess =>
    spawn(process.execPath, [MAIN, 'lab', 'tunnel', '--json', '--lines', '20/10,20/10,8/30', '--size', '2M'], {
      env: { ...process.env, TMPDIR: folder, GOTCP_TEST: folder, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })

  /** Processes that were started by one of ours, holders of namespaces included. */
  const left = (): string[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`GOTCP_TEST=${folder}`)
        } catch {
          return false
        }
      })

  const nothingIsLeft = async (): Promise<void> => {
    while (left().length > 0) await sleep(20)
    assert.deepEqual(
      readdirSync(folder).filter((name) => name !== 'bin'),
      [],
    )
  }

  // How fast it is depends on who else is on the machine: what was expected of that may be missed here.
  it('carries every octet, without tc too, and leaves nothing behind', LIMIT, async () => {
    const bin = join(folder, 'bin')
    spawnSync('mkdir', [bin])
    for (const name of ['unshare', 'nsenter', 'ip', 'sh', 'cat', 'true']) {
      const place = process.env['PATH']!.split(':').find((directory) => existsSync(join(directory, name)))
      symlinkSync(join(place!, name), join(bin, name))
    }
    const child = start({ PATH: bin })
    const records: Record[] = []
    for await (const line of createInterface({ input: child.stdout! })) records.push(JSON.parse(line))
    if (child.exitCode === null) await once(child, 'exit')
    const of = (event: string): Record[] => records.filter((record) => record.event === event)
    assert.deepEqual(
      of('start').map(({ shaper }) => shaper),
      ['gotcp'],
    )
    assert.deepEqual(
      of('line').map(({ name, rate_bps, rtt_ms, proxy }) => [name, rate_bps, rtt_ms, proxy]),
      [
        ['line1', 20e6, 10, null],
        ['line2', 20e6, 10, null],
        ['line3', 8e6, 30, 'socks5'],
      ],
    )
    const steps = of('step')
    assert.deepEqual(
      steps.map(({ name }) => name),
      ['alone', 'all', 'cut'],
    )
    for (const { sha256_sent, sha256_arrived, sent_bytes, arrived_bytes } of steps) {
      assert.equal(sha256_arrived, sha256_sent)
      assert.equal(arrived_bytes, sent_bytes)
    }
    assert.ok((steps[0]!['shares'] as { line1: number }).line1 > 0.9, 'the other lines carry nothing when they may not')
    const missed = of('expectation').filter(({ ok }) => ok === false)
    assert.equal(child.exitCode, missed.length === 0 ? 0 : 1, JSON.stringify(missed))
    await nothingIsLeft()
  })

  it('leaves nothing behind when it is interrupted, or killed', LIMIT, async () => {
    const ended = (['SIGINT', 'SIGKILL'] as const).map(async (signal) => {
      const child = start()
      await once(createInterface({ input: child.stdout! }), 'line')
      child.kill(signal)
      return (await once(child, 'exit'))[0]
    })
    assert.deepEqual(await Promise.all(ended), [130, null])
    await nothingIsLeft()
  })
})
