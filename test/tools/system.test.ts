import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'

const run = (tool: string, args: readonly string[], env: NodeJS.ProcessEnv) =>
  spawnSync(process.execPath, [`tools/${tool}.mjs`, ...args], { encoding: 'utf8', env })

describe('ensure', () => {
  it('prints the exact command once where it cannot install', () => {
    // No PATH: neither ping nor apt-get is found.
    const { status, stderr, stdout } = run('system', ['lab'], { PATH: '' })
    assert.equal(status, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /apt-get install -y --no-install-recommends .*iputils-ping/)
    assert.equal(stderr.trim().split('\n').length, 1)
  })

  it('says nothing when nothing is missing', () => {
    assert.deepEqual(run('system', [], {}).stderr, '')
  })
})

describe('install', () => {
  it('never breaks npm ci: an addon that cannot be built is one line', { skip: process.platform !== 'linux' }, () => {
    const env = { ...process.env, npm_config_nodedir: '/nonexistent', npm_config_omit: 'optional' }
    const { status, stderr } = run('install', [], env)
    assert.equal(status, 0)
    assert.match(stderr, /^gotcp: the native addon is not built \(.*\/nonexistent.*\); memory links work/m)
    assert.equal(stderr.trim().split('\n').length, 1, stderr)
  })
})
