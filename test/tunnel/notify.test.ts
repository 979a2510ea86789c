import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { hasNative } from '../../src/driver/native.ts'
import { Notifier } from '../../src/tunnel/notify.ts'

/** What systemd hears: Node has no Unix datagrams. */
const LISTENER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0', 1))
print('ready', flush=True)
for _ in range(int(sys.argv[2])): print(repr(s.recv(4096).decode()), flush=True)
`

function missing(): string | false {
  if (spawnSync('python3', ['--version']).status !== 0) return 'no python3; apt-get install python3-minimal'
  return hasNative() ? false : 'the addon is not built'
}

/** What is heard of `count` datagrams. */
async function heard(path: string, count: number, say: () => void): Promise<readonly string[]> {
  const listener = spawn('python3', ['-c', LISTENER, path, `${count}`])
  let text = ''
  const ended = new Promise((resolve) => listener.on('close', resolve))
  await new Promise<void>((resolve) => {
    listener.stdout.on('data', (part) => {
      text += part
      if (text.startsWith('ready\n')) resolve()
    })
  })
  say()
  await ended
  return text.trim().split('\n').slice(1)
}

describe('Notifier', { skip: missing() }, () => {
  it('tells systemd that it is ready, reloads, lives and ends', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gotcp-notify-'))
    const path = join(folder, 'socket')
    const notifier = new Notifier({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '100000', WATCHDOG_PID: `${process.pid}` })
    const lines = await heard(path, 4, () => {
      notifier.ready('server it')
      notifier.reloading()
      notifier.ready('server it')
    })
    assert.equal(lines[0], String.raw`'READY=1\nSTATUS=server it'`)
    assert.match(lines[1]!, /^'RELOADING=1\\nMONOTONIC_USEC=\d+'$/)
    assert.equal(lines[2], lines[0])
    assert.equal(lines[3], "'WATCHDOG=1'")
    notifier.stopping()
    rmSync(folder, { recursive: true })
  })

  it('finds a socket in the abstract namespace', async () => {
    const path = `@gotcp-notify-${process.pid}`
    assert.deepEqual(await heard(path, 1, () => new Notifier({ NOTIFY_SOCKET: path }).stopping()), ["'STOPPING=1'"])
  })

  it('says nothing where nobody asks, and minds nobody who does not listen', () => {
    for (const env of [{}, { NOTIFY_SOCKET: 'vsock:1' }, { NOTIFY_SOCKET: '/nowhere/at/all' }]) {
      const notifier = new Notifier(env)
      notifier.ready('it')
      notifier.stopping()
    }
  })
})
