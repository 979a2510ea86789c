import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createLab, labUnavailable } from '../real/netns.ts'
import { MAIN, Running } from './command.ts'

const LIMIT = { timeout: 280_000 }
const PAGE = 'docs/tunnel.md'
const missing = ['python3', 'curl'].find((name) => spawnSync(name, ['--version']).status !== 0)
const skip = labUnavailable() ?? (missing === undefined ? false : `${missing} is missing: apt-get install ${missing}`)

/** What goes on until it is ended, and what it says once it works. */
const DAEMONS: readonly (readonly [command: RegExp, sign: RegExp])[] = [
  [/^python3 -m http\.server /, /^Serving HTTP/m],
  [/^gotcp tunnel server /, /listen/],
  [/^gotcp tunnel client /, /path is up[\s\S]*path is up/],
]
/** What the others say. */
const SIGNS: readonly (readonly [command: RegExp, sign: RegExp])[] = [
  [/^gotcp tunnel init$/, /^server\.yaml\nclient\.yaml$/m],
  [/^gotcp tunnel check /, /^client\.yaml: a client that$/m],
  [/^curl /, /<title>Directory listing/],
  [/^gotcp tunnel status /, /^ +path: line-2\n +state: up/m],
  [/^gotcp tunnel ping /, /^line-2: seq=1 time=/m],
  [/^gotcp tunnel reload /, /nothing has changed/],
  [/^gotcp tunnel stop /, /stopped/],
]

const signOf = (command: string, among: typeof SIGNS): RegExp | undefined =>
  among.find(([pattern]) => pattern.test(command))?.[1]

describe(PAGE, { skip }, () => {
  it('shows five minutes that go as they are written', LIMIT, async () => {
    const [, section] = /^## Five minutes\n([\s\S]*?)^\*\*On two machines/m.exec(readFileSync(PAGE, 'utf8'))!
    const commands = [...section!.matchAll(/^\$ (.+)$/gm)].map((match) => match[1]!)
    assert.equal(commands.length, DAEMONS.length + SIGNS.length)
    const folder = mkdtempSync(join(tmpdir(), `gotcp-page-${process.pid}-`))
    mkdirSync(join(folder, 'run'), { mode: 0o700 })
    const lab = createLab({ hosts: ['one'] })
    const daemons: Running[] = []
    const env = ['env', '-C', folder, 'PYTHONUNBUFFERED=1', `XDG_RUNTIME_DIR=${folder}/run`, `XDG_STATE_HOME=${folder}`]
    const run = (command: string): Running => {
      const words = command.split(' ')
      const argv = words[0] === 'gotcp' ? [process.execPath, MAIN, ...words.slice(1)] : words
      return new Running(lab.host('one'), [...env, ...argv])
    }
    try {
      for (const command of commands) {
        const running = run(command)
        const lasting = signOf(command, DAEMONS)
        if (lasting !== undefined) {
          daemons.push(running)
          await running.until(lasting)
          continue
        }
        const { code, stdout, stderr } = await running.ended
        assert.equal(code, 0, `${command}: ${stderr}`)
        assert.match(`${stdout}${stderr}`, signOf(command, SIGNS)!, command)
      }
      const [, server, client] = daemons
      assert.equal((await client!.ended).code, 0, 'stop has ended the client')
      server!.interrupt()
      assert.equal((await server!.ended).code, 0, 'Ctrl-C ends the server')
    } finally {
      for (const { child } of daemons) child.kill('SIGKILL')
      await Promise.all(daemons.map(({ ended }) => ended))
      lab.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
