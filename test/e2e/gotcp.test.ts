import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const gotcp = (...argv: readonly string[]) => spawnSync(process.execPath, [MAIN, ...argv], { encoding: 'utf8' })
const shell = (script: string) =>
  spawnSync('bash', ['-c', script], { encoding: 'utf8', env: { ...process.env, NODE: process.execPath, MAIN } })

describe('gotcp as a process', () => {
  it('exits with the codes of the table', () => {
    assert.equal(gotcp().status, 0)
    assert.equal(gotcp('commands').status, 0)
    assert.equal(gotcp('nonsense').status, 2)
    assert.equal(gotcp('lab', '--nonsense').status, 2)
  })

  it('ends quietly when the reader has seen enough', () => {
    const { stdout, stderr } = shell(
      'for i in 1 2 3; do "$NODE" "$MAIN" completion bash | head -n 1; done; echo "${PIPESTATUS[0]}"',
    )
    assert.equal(stderr, '')
    assert.match(stdout, /^(# bash completion.*\n){3}/)
  })

  it('prints help without loading yargs or winston', () => {
    const run = (...argv: readonly string[]) =>
      spawnSync(process.execPath, ['-e', loadsNothing(...argv)], { encoding: 'utf8' })
    const { stdout, status } = run('lab', '--help')
    assert.equal(status, 0)
    assert.match(stdout, /^gotcp lab - /)
    assert.match(run('commands').stderr, /loaded yargs/)
  })

  it('stays silent on stderr for what was asked, and on stdout for what went wrong', () => {
    assert.equal(gotcp('help').stderr, '')
    assert.equal(gotcp('help', 'nonsense').stdout, '')
  })

  it('is a program that can be started by its name', { skip: !MAIN.includes('/dist/') }, () => {
    assert.ok(existsSync(MAIN))
    assert.equal(statSync(MAIN).mode & 0o111, 0o111)
  })
})

/** A script that runs gotcp in a process where loading yargs or winston fails. */
function loadsNothing(...argv: readonly string[]): string {
  const hooks =
    "export const resolve = (s, c, n) => { if (/^(yargs|winston)/.test(s)) throw new Error('loaded ' + s); return n(s, c) }"
  return `
    require('node:module').register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}))
    process.argv = ${JSON.stringify([process.execPath, MAIN, ...argv])}
    import(${JSON.stringify(new URL('../../src/cli/main.js', import.meta.url).href)})`
}
