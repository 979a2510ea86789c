import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { COMMAND_NAMES } from '../../src/cli/registry.ts'
import { gotcp } from './world.ts'

/** What bash would offer for the words so far. */
async function bashOffers(...words: readonly string[]): Promise<string[]> {
  const script = (await gotcp('completion', 'bash')).stdout
  const quoted = words.map((word) => `'${word}'`).join(' ')
  const probe = `\nCOMP_WORDS=(gotcp ${quoted}); COMP_CWORD=${words.length}; _gotcp; printf '%s\\n' "\${COMPREPLY[@]}"`
  const result = spawnSync('bash', ['-c', script + probe], { encoding: 'utf8' })
  assert.equal(result.stderr, '')
  return result.stdout.trim().split('\n').filter(Boolean)
}

describe('completion', () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const isHere = spawnSync(shell, ['--version']).error === undefined
    it(`${shell} accepts its script`, { skip: isHere ? false : `${shell} is not installed` }, async () => {
      const { code, stdout } = await gotcp('completion', shell)
      assert.equal(code, 0)
      const result = spawnSync(shell, ['-n'], { input: stdout, encoding: 'utf8' })
      assert.equal(result.status, 0, result.stderr)
    })
  }

  it('names every command in every script', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { stdout } = await gotcp('completion', shell)
      for (const name of COMMAND_NAMES) assert.match(stdout, new RegExp(`\\b${name}\\b`), `${shell}: ${name}`)
    }
  })

  it('offers commands, commands below them, flags and choices in bash', async () => {
    assert.deepEqual(await bashOffers(''), [...COMMAND_NAMES])
    assert.deepEqual(await bashOffers('comp'), ['completion'])
    assert.ok((await bashOffers('lab', '')).includes('exec'))
    assert.deepEqual(await bashOffers('lab', 'exec', 'node'), ['node1', 'node2'])
    assert.deepEqual(await bashOffers('lab', 'up', '--na'), ['--name'])
    assert.deepEqual(await bashOffers('completion', 'b'), ['bash'])
  })
})
