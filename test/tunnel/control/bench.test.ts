import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { BenchResult } from '../../../src/tunnel/control/bench.ts'
import { askDaemon } from '../../../src/tunnel/control/control-client.ts'
import { DaemonPair } from '../daemon-pair.ts'

describe('bench of a daemon', () => {
  let pair: DaemonPair
  before(async () => {
    pair = await DaemonPair.open()
  })
  after(() => pair.close())
  const bench = async (args: object): Promise<BenchResult> =>
    (await askDaemon(join(pair.folder, 'client.sock'), { command: 'bench', ...args })) as BenchResult

  it('is there only when the server allows it', async () => {
    await assert.rejects(bench({}), { code: 'ERR_REFUSED', message: /\{ name: bench, type: bench \}/ })
    pair.server.text = pair.serverText().replace('services: [', 'services: [{ name: bench, type: bench }, ')
    await pair.server.daemon.reload()
  })

  it('does not take a service of another type for one that measures', async () => {
    await assert.rejects(bench({ service: 'web' }), { code: 'ERR_REFUSED', message: /"web" does not answer as one/ })
  })

  for (const [reverse, streams] of [
    [false, 1],
    [true, 3],
  ] as const) {
    it(`measures ${reverse ? 'what comes' : 'what goes'} by ${streams} stream(s), and leaves nothing open`, async () => {
      const result = await bench({ seconds: 0.2, reverse, streams })
      assert.equal(result.direction, reverse ? 'down' : 'up')
      assert.ok(result.bytes > 65_536)
      assert.ok(result.rate > 0 && result.seconds > 0)
      for (const { count, median_ms, p99_ms } of [result.round_trip, result.requests]) {
        assert.ok(count > 0)
        assert.ok(median_ms > 0 && p99_ms >= median_ms)
      }
      const service = pair.server.daemon.status().services.find(({ kind }) => kind === 'bench')!
      assert.ok(service.total >= result.requests.count)
    })
  }

  it('refuses what makes no sense', async () => {
    for (const args of [{ seconds: 0 }, { streams: 1.5 }, { streams: 5000 }, { service: 7 }, { reverse: 'yes' }]) {
      await assert.rejects(bench(args), { code: 'EINVAL' })
    }
  })
})
