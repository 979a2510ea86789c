import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { freePort } from '../transport/free-port.ts'
import { SocksServer } from '../transport/socks-server.ts'
import { MAIN, Running } from './command.ts'

let folder: string
const started: Running[] = []
const closing: (() => void)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gotcp-predecessors-'))
})

afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL')
  await Promise.all(started.splice(0).map(({ ended }) => ended))
  for (const close of closing.splice(0)) close()
  rmSync(folder, { recursive: true, force: true })
})

/** Starts gotcp with its control sockets and certificates in the test's folder. */
function gotcp(args: readonly string[], env: Record<string, string> = {}): Running {
  const own = { XDG_RUNTIME_DIR: folder, RUNTIME_DIRECTORY: folder, STATE_DIRECTORY: folder }
  const running = new Running(undefined, [process.execPath, MAIN, ...args], { ...process.env, ...own, ...env })
  started.push(running)
  return running
}

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** A proxy that knows CONNECT; what those who asked said of themselves. */
async function httpProxy(): Promise<{ readonly port: number; readonly logins: readonly string[] }> {
  const logins: string[] = []
  const server = createServer()
  server.on('connect', (request, client, head) => {
    logins.push(request.headers['proxy-authorization'] ?? '')
    const [host, port] = request.url!.split(':')
    const target = connect({ host, port: Number(port), noDelay: true }, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      target.write(head)
      client.pipe(target).pipe(client)
    })
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      one.on('error', () => undefined).on('close', () => other.destroy())
    }
  })
  const port = await listening(server)
  return { port, logins }
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close())
  return (server.address() as AddressInfo).port
}

const backend = (): Promise<number> =>
  listening(createServer((_request, response) => response.end('what the backend says')))

const fetched = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve(text))
    }).on('error', reject)
  })

describe("Gota's configuration files", () => {
  it('lead a request through the client, over a direct path and one through a proxy, to the backend', async () => {
    const proxy = await httpProxy()
    const [first, second, local] = [await freePort(), await freePort(), await freePort()]
    const server = file(
      'config.server.yml',
      `# default for server
mode: server
log: debug
auth:
  username: gota
  password: gota
remote: 127.0.0.1:${await backend()}
tunnel:
  - listen: 127.0.0.1:${first}
  - listen: 127.0.0.1:${second}
`,
    )
    const client = file(
      'config.client.yml',
      `mode: client
log: debug
auth:
  username: gota
  password: gota
listen: 127.0.0.1:${local}
tunnel:
  - remote: 127.0.0.1:${first}
  - remote: 127.0.0.1:${second}
    proxy: http://gota:gota@127.0.0.1:${proxy.port}
`,
    )
    await gotcp(['tunnel', 'server', '-c', server]).until(/listening on/)
    // Both paths, of which one needs the proxy.
    await gotcp(['tunnel', 'client', '-c', client]).until(/path is up[\s\S]*path is up/)
    assert.equal(await fetched(local), 'what the backend says')
    assert.deepEqual(proxy.logins, [`Basic ${Buffer.from('gota:gota').toString('base64')}`])
  })
})

async function socksProxy(): Promise<SocksServer> {
  const proxy = await SocksServer.start()
  closing.push(() => proxy.close())
  return proxy
}

/** A socket that gives datagrams back. */
async function echo(): Promise<number> {
  const socket = createSocket('udp4')
  socket.on('message', (bytes, from) => socket.send(bytes, from.port, from.address))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  closing.push(() => socket.close())
  return socket.address().port
}

/** Asks until it is answered: datagrams may be lost. */
function asked(socket: Socket, port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const ask = (): void => socket.send(text, port, '127.0.0.1')
    const timer = setInterval(ask, 200)
    socket.once('message', (bytes) => {
      clearInterval(timer)
      resolve(`${bytes}`)
    })
    ask()
  })
}

describe("socktopus's command line", () => {
  for (const kind of ['socks', 'http'] as const) {
    it(`carries datagrams over a direct path and one through a ${kind} proxy`, async () => {
      const [service, local] = [await freePort(), await freePort()]
      const proxy = kind === 'http' ? await httpProxy() : await socksProxy()
      const env = { SOCKTOPUS_KEY: 'a-key-of-both-ends' }
      await gotcp(['socktopus'], { ...env, SERVICE: `127.0.0.1:${service}` }).until(/listening on/)
      const [udploc, udprem] = [`127.0.0.1:${local}:127.0.0.1:1`, `127.0.0.1:1:127.0.0.1:${await echo()}`]
      const client = gotcp(['socktopus', `tcp://127.0.0.1:${service}`, `${kind}://127.0.0.1:${proxy.port}`], {
        ...env,
        UDPLOC: udploc,
        UDPREM: udprem,
      })
      await client.until(/path is up[\s\S]*path is up/)
      const socket = createSocket('udp4')
      closing.push(() => socket.close())
      assert.equal(await asked(socket, local, 'one'), 'one')
      // After a pause, too, nothing is too late that has just been said.
      await new Promise((resolve) => setTimeout(resolve, 400))
      assert.equal(await asked(socket, local, 'two'), 'two')
    })
  }
})
