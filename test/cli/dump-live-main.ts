import { type ChildProcess, spawn } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { fileURLToPath } from 'node:url'
import { native } from '../../src/driver/native.ts'

/**
 * Runs in a network namespace of its own, which dump-live.test.ts makes: brings
 * the loopback interface up, captures on it with `gotcp dump`, talks over it,
 * and says how the command ended.
 */

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const BYTES = 200_000

/** Starts gotcp and waits until it says that it listens. */
async function start(...argv: readonly string[]): Promise<{ child: ChildProcess; ended: Promise<unknown> }> {
  const child = spawn(process.execPath, [MAIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = ['', '']
  child.stdout!.on('data', (chunk) => (texts[0] += chunk))
  const listening = new Promise<void>((resolve) => {
    child.stderr!.on('data', (chunk) => {
      texts[1] += chunk
      if (texts[1]!.includes('listening on')) resolve()
    })
  })
  const ended = once(child, 'close').then(([code]) => ({ code, stdout: texts[0], stderr: texts[1] }))
  await Promise.race([listening, ended])
  return { child, ended }
}

/** A transfer over TCP and back, and a datagram to a port that nobody listens on. */
async function talk(): Promise<void> {
  const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const client = net.connect(port, '127.0.0.1')
  client.end(Buffer.alloc(BYTES, 'gotcp'))
  let received = 0
  client.on('data', (chunk) => (received += chunk.length))
  await once(client, 'close')
  server.close()
  const socket = dgram.createSocket('udp4')
  socket.on('error', () => {})
  await new Promise((resolve) => socket.send('nobody', 9, '127.0.0.1', resolve))
  socket.close()
  if (received !== BYTES) throw new Error(`${received} of ${BYTES} bytes came back`)
}

const file = process.argv[2]!
native().setUp('lo', true)
const writer = await start('dump', '-i', 'lo', '-w', file)
const printer = await start('dump', '-i', 'lo', '-n', '-t', '-c', '2', 'udp', 'or', 'icmp')
const watcher = await start('ids', '-i', 'lo', '--json')
await talk()
const printed = await printer.ended
for (const { child } of [writer, watcher]) child.kill('SIGINT')
const [written, watched] = await Promise.all([writer.ended, watcher.ended])
process.stdout.write(JSON.stringify({ written, printed, watched }))
