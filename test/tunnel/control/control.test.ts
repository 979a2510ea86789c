import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { NetError } from '../../../src/base/errors.ts'
import { askDaemon } from '../../../src/tunnel/control/control-client.ts'
import { ControlServer, type OnRequest } from '../../../src/tunnel/control/control-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'gotcp-control-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
const freshPath = (): string => join(folder, `${++count}.sock`)

const answers: OnRequest = async ({ command, text }) => {
  if (command === 'hello') return { name: 'it', pid: 42 }
  if (command === 'echo') return text
  throw new NetError('EINVAL', `There is no command "${command}"`)
}

/** What a socket answers to what is said, until it has as many lines. */
function say(path: string, text: string, lines: number): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let heard = ''
    socket.on('error', reject)
    socket.on('data', (part) => {
      heard += part
      const all = heard.split('\n').slice(0, -1)
      if (all.length < lines) return
      socket.destroy()
      resolve(all)
    })
    socket.write(text)
  })
}

describe('ControlServer', () => {
  it('answers its owner alone, one line for each request, in their order', async () => {
    const path = freshPath()
    const control = await ControlServer.open(path, answers)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const lines = await say(path, '{"command":"echo","text":1}\n{"command":"no"}\n{}\nnothing\n', 4)
    assert.deepEqual(JSON.parse(lines[0]!), { ok: true, result: 1 })
    assert.deepEqual(JSON.parse(lines[1]!), {
      ok: false,
      error: { code: 'EINVAL', message: 'There is no command "no"' },
    })
    for (const line of lines.slice(2)) assert.equal(JSON.parse(line).error.code, 'EINVAL')
    control.close()
    assert.ok(!existsSync(path))
  })

  it('refuses a request that does not end', async () => {
    const path = freshPath()
    const control = await ControlServer.open(path, answers)
    const [line] = await say(path, 'x'.repeat(100_000), 1)
    assert.match(JSON.parse(line!).error.message, /at most 65536 octets/)
    control.close()
  })

  it('says which daemon has the socket, and removes one that nobody has', async () => {
    const path = freshPath()
    const control = await ControlServer.open(path, answers)
    await assert.rejects(ControlServer.open(path, answers), (error: NetError) => {
      assert.equal(error.code, 'EADDRINUSE')
      assert.match(error.message, /the daemon "it" \(pid 42\) runs already/)
      return true
    })
    assert.equal(await askDaemon(path, { command: 'echo', text: 'still here' }), 'still here')
    control.close()
    await leaveBehind(path)
    const second = await ControlServer.open(path, answers)
    second.close()
  })

  it('removes nothing that is no socket', async () => {
    const path = freshPath()
    writeFileSync(path, 'precious')
    await assert.rejects(ControlServer.open(path, answers), { code: 'EINVAL' })
    assert.ok(existsSync(path))
  })
})

describe('askDaemon', () => {
  it('says what is the matter when nobody is there', async () => {
    await assert.rejects(askDaemon(freshPath(), { command: 'status' }), { code: 'ECONNREFUSED' })
  })

  it('rejects with what the daemon says, and with EPROTO for nonsense', async () => {
    const path = freshPath()
    const control = await ControlServer.open(path, answers)
    await assert.rejects(askDaemon(path, { command: 'no' }), {
      code: 'EINVAL',
      message: 'There is no command "no" (EINVAL)',
    })
    control.close()
    const other = createServer((socket) => socket.end('220 mail\n'))
    await new Promise<void>((resolve) => other.listen(path, resolve))
    await assert.rejects(askDaemon(path, { command: 'status' }), { code: 'EPROTO' })
    other.close()
  })

  it('does not wait for ever', async () => {
    const path = freshPath()
    const control = await ControlServer.open(path, () => new Promise(() => undefined))
    await assert.rejects(askDaemon(path, { command: 'status' }, { timeout: 20 }), { code: 'ETIMEDOUT' })
    control.close()
  })
})

/** What a process leaves that was killed: a socket on which nobody listens. */
async function leaveBehind(path: string): Promise<void> {
  const { spawnSync } = await import('node:child_process')
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  assert.ok(existsSync(path))
}
