import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import type { Path } from '../../../src/session/paths/path.ts'
import type { Entered } from '../../../src/tunnel/client-link.ts'
import { parseConfig } from '../../../src/tunnel/config/parse.ts'
import type { ClientConfig, PathConfig } from '../../../src/tunnel/config/types.ts'
import type { LiveSession } from '../../../src/tunnel/live-session.ts'
import { silent } from '../../../src/tunnel/log.ts'
import { PathKeeper } from '../../../src/tunnel/paths/path-keeper.ts'
import { until } from '../world.ts'

const CONFIG =
  '{ mode: client, user: ada, password: one-that-is-long-enough, paths: [{ remote: "127.0.0.1:1" }], services: [] }'
const [WAY] = (parseConfig(CONFIG, { file: 'client.yaml' }) as ClientConfig).paths as [PathConfig]

/** A path that is up, without a session beneath it. */
function entered(): Entered {
  const path = { state: 'open', weight: 1, estimator: { srtt: 1000 }, reason: 'cut' } as unknown as Path
  const session = { removePath: () => undefined, dropPath: () => undefined, setRole: () => undefined }
  return { path, live: { session } as unknown as LiveSession }
}

describe('PathKeeper', () => {
  it('connects again when a path that was silent is back and then gone, in one turn', async () => {
    const first = entered()
    let attempts = 0
    const link = { live: undefined, enter: async () => (attempts === 1 ? first : entered()) }
    /** The first connection stands at once; the second never does; the third stands again. */
    const dial = (_: PathConfig, { signal }: { signal: AbortSignal }): Promise<PassThrough> => {
      if (++attempts !== 2) return Promise.resolve(new PassThrough())
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const keeper = new PathKeeper(WAY, { link, dialer: { dial }, log: silent })
    keeper.start()
    await until(() => keeper.state === 'up')
    keeper.onPath(first.path, 'stalled')
    await until(() => attempts === 2)
    keeper.onPath(first.path, 'recovered')
    keeper.onPath(first.path, 'closed')
    await until(() => keeper.state === 'up' && keeper.path !== first.path)
    assert.equal(attempts, 3)
    keeper.stop('the test is over')
  })
})
