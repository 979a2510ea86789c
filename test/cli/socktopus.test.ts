import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { run } from '../../src/cli/run.ts'
import type { Outcome } from './world.ts'

/** Runs `gotcp socktopus` with an environment. */
async function socktopus(env: NodeJS.ProcessEnv, ...argv: readonly string[]): Promise<Outcome> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const said = { stdout: '', stderr: '' }
  stdout.on('data', (chunk) => (said.stdout += chunk))
  stderr.on('data', (chunk) => (said.stderr += chunk))
  const code = await run({ argv: ['socktopus', ...argv], env, stdin: Readable.from([]), stdout, stderr })
  for (const stream of [stdout, stderr]) stream.end()
  return { code, ...said }
}

const KEY = 'correct horse battery'

describe('gotcp socktopus --check', () => {
  it('says what the connector would do', async () => {
    const env = {
      UDPLOC: '127.0.0.1:23461:127.0.0.1:1234',
      UDPREM: '127.0.0.1:23461:192.0.2.8:1234',
      SOCKTOPUS_KEY: KEY,
      HOME: '/home/ada',
    }
    const { code, stdout } = await socktopus(
      env,
      '--check',
      'tcp://192.0.2.1',
      'socks://u:hunter2@proxy',
      'tcp://relay:7',
    )
    assert.equal(code, 0)
    assert.match(stdout, /^socktopus: a connector that\n/)
    assert.match(stdout, /direct: to 192\.0\.2\.1:23461\n/)
    assert.match(stdout, /relay-1: to 192\.0\.2\.1:23461, through socks5:\/\/u@proxy:1080, secondary\n/)
    assert.match(stdout, /relay-2: to 192\.0\.2\.1:23461, through tcp:\/\/relay:7, secondary\n/)
    assert.match(stdout, /socktopus: UDP on 127\.0\.0\.1:23461, leads to the service socktopus for 192\.0\.2\.8:1234\n/)
  })

  it('listens without URIs, and warns of a missing key', async () => {
    const { code, stdout, stderr } = await socktopus({ SERVICE: '5000' }, '--check')
    assert.equal(code, 0)
    assert.match(stdout, /^socktopus: a listener that\n {2}listens {2}\[::\]:5000, TLS 1\.3/)
    assert.match(stderr, /^warning: SOCKTOPUS_KEY is not set, so the key is one that everybody knows/)
  })

  it('ends with 2 when the environment or a URI is wrong, and repeats no password', async () => {
    const missing = await socktopus({}, 'tcp://192.0.2.1')
    assert.equal(missing.code, 2)
    assert.match(missing.stderr, /^gotcp: UDPLOC is missing from the environment/)
    const wrong = await socktopus({ UDPLOC: '1', UDPREM: '1' }, 'tcp://192.0.2.1', 'gopher://u:hunter2@h')
    assert.equal(wrong.code, 2)
    assert.doesNotMatch(wrong.stderr, /hunter2/)
  })
})
