import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '../transport/free-port.ts'

/** A program with all it has printed, and its exit code once it has one. */
type Program = ChildProcess & { text: string; exit: Promise<number | null> }

const started: ChildProcess[] = []
after(() => {
  for (const child of started) child.kill('SIGKILL')
})

const program = (name: string): string => fileURLToPath(new URL(`../../app/standard/${name}.js`, import.meta.url))

function start(name: string, ...args: string[]): Program {
  const spawned = spawn(process.execPath, [program(name), '-addr', '127.0.0.1', ...args])
  const exit = once(spawned, 'close').then(([code]) => code as number | null)
  const child: Program = Object.assign(spawned, { text: '', exit })
  started.push(child)
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (child.text += chunk))
  return child
}

/** Starts a server and waits until it listens. */
async function serve(name: string, port: number, ...args: string[]): Promise<Program> {
  const child = start(name, '-port', String(port), ...args)
  while (!child.text.includes('listening on')) await once(child.stdout!, 'data')
  return child
}

describe('app/standard', () => {
  it('tcp-client talks through tcp-server and ends with its input', async () => {
    const port = await freePort()
    const server = await serve('tcp-server', port)
    const client = start('tcp-client', `--port=${port}`)
    client.stdin?.end('first\nsecond\n')
    assert.equal(await client.exit, 0)
    assert.equal(client.text.replace(/connected to .*\n/, ''), 'first\nsecond\n')
    while (!server.text.includes('13 bytes echoed')) await once(server.stdout!, 'data')
    server.kill('SIGTERM')
    assert.equal(await server.exit, 0)
  })

  it('tcp-client-big gets the same bytes back from tcp-server-big', async () => {
    const port = await freePort()
    const server = await serve('tcp-server-big', port, '-once')
    const client = start('tcp-client-big', '-port', String(port))
    assert.equal(await client.exit, 0, client.text)
    assert.match(client.text, /read 20480 bytes, the same/)
    assert.equal(await server.exit, 0, server.text)
    assert.match(server.text, /wrote 20480 bytes/)
  })

  it('tcp-client-big tells a lying echo', async () => {
    const server = createServer((socket) => {
      socket.on('data', (chunk) => socket.write(Buffer.alloc(chunk.length)))
      socket.on('end', () => socket.end())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = start('tcp-client-big', '-port', String((server.address() as { port: number }).port))
    assert.equal(await client.exit, 1)
    assert.match(client.text, /NOT the same/)
    server.close()
  })

  it('the clients say that nothing listens', async () => {
    const port = await freePort()
    for (const name of ['tcp-client', 'tcp-client-big']) {
      const client = start(name, '-port', String(port))
      assert.equal(await client.exit, 1, name)
      assert.match(client.text, /ECONNREFUSED/)
    }
  })

  for (const name of ['tcp-client', 'tcp-client-big', 'tcp-server', 'tcp-server-big', 'udp-echo']) {
    it(`${name} tells its flags, and a mistake in them`, async () => {
      for (const flag of ['--help', '-help', '-h']) {
        const help = start(name, flag)
        assert.equal(await help.exit, 0, flag)
        assert.match(help.text, /^[A-Z].*\.\n {2}-port \(default: 8888\)\n {2}-addr \(default: [\d.]+\)\n/)
      }
      for (const args of [['-nonsense'], ['-port', 'x'], ['-port', '65536'], ['stray']]) {
        const mistake = start(name, ...args)
        assert.equal(await mistake.exit, 2, args.join(' '))
        assert.match(mistake.text, /-port \(default: 8888\)/)
        assert.doesNotMatch(mistake.text, /^ {4}at /m)
      }
    })
  }

  it('udp-echo sends datagrams back', async () => {
    const port = await freePort()
    const server = await serve('udp-echo', port)
    const socket = createSocket('udp4')
    const sent = randomBytes(1400)
    socket.send(sent, port, '127.0.0.1')
    const [received] = await once(socket, 'message')
    assert.deepEqual(received, sent)
    socket.close()
    server.kill('SIGTERM')
    assert.equal(await server.exit, 0)
  })
})
