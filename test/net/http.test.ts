import assert from 'node:assert/strict'
import http, { type IncomingMessage, type RequestListener, type RequestOptions } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { Server } from 'node:net'
import { Duplex } from 'node:stream'
import { after, describe, it } from 'node:test'
import tls from 'node:tls'
import type { Tcb } from '../../src/tcp/tcb.ts'
import { selfSigned } from './certificate.ts'
import { once, stacks } from './worlds.ts'

const LIMIT = { timeout: 20_000 }
const HOST = '10.0.0.2'

/** A request's answer: status, body, trailers. */
async function get(options: RequestOptions, body?: string, via: typeof http | typeof https = http) {
  const request = via.request({ host: HOST, port: 80, ...options })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, text, headers: response.headers, socket: request.socket }
}

/** Answers with what was asked for, in pieces. */
const mirror: RequestListener = async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  response.setHeader('from', `${request.socket.remoteAddress}`)
  for (const piece of [request.method ?? '', ' ', request.url ?? '', ' ', body]) response.write(piece)
  response.end()
}

async function listening<T extends Server>(server: T, port: number): Promise<T> {
  server.listen(port)
  await once(server, 'listening')
  return server
}

describe('node:http over the stack', () => {
  const world = stacks()
  const { netA, netB } = world
  after(() => world.close())

  it('serves and asks unchanged, in chunks, with keep-alive on one connection', LIMIT, async () => {
    const server = await listening(netB.adopt(http.createServer(mirror)), 80)
    const agent = netA.httpAgent({ keepAlive: true, maxSockets: 1 })
    const first = await get({ agent, path: '/one', method: 'POST' }, 'body')
    assert.deepEqual([first.status, first.text, first.headers['from']], [200, 'POST /one body', '10.0.0.1'])
    assert.equal(first.headers['transfer-encoding'], 'chunked')
    const second = await get({ agent, path: '/two' })
    assert.equal(second.text, 'GET /two ')
    assert.equal(second.socket, first.socket)
    agent.destroy()
    server.close()
    await once(server, 'close')
  })

  it('is fed by a server of the stack, and asks by createConnection', LIMIT, async () => {
    const server = http.createServer(mirror)
    const listener = await listening(
      netB.createServer((socket) => void server.emit('connection', socket)),
      80,
    )
    const createConnection = () => netA.connect(80, HOST)
    assert.equal((await get({ createConnection, path: '/x' })).text, 'GET /x ')
    listener.close()
    await once(listener, 'close')
  })

  it('carries a thousand requests, a hundred at a time', LIMIT, async () => {
    const server = await listening(netB.adopt(http.createServer(mirror)), 80)
    const agent = netA.httpAgent({ keepAlive: true, maxSockets: 100 })
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => get({ agent, path: `/${i}` })))
    answers.forEach(({ text }, i) => {
      assert.equal(text, `GET /${i} `)
    })
    agent.destroy()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  it('carries a large body both ways', LIMIT, async () => {
    const server = await listening(
      netB.adopt(http.createServer((request, response) => void request.pipe(response))),
      80,
    )
    const body = '0123456789abcdef'.repeat(512 * 1024)
    const { text } = await get({ agent: netA.httpAgent(), method: 'PUT' }, body)
    assert.ok(text === body)
    server.close()
    await once(server, 'close')
  })

  it('upgrades a connection', LIMIT, async () => {
    const server = http.createServer().on('upgrade', (_request, socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
      socket.write(head)
      socket.pipe(socket)
    })
    await listening(netB.adopt(server), 80)
    const headers = { connection: 'upgrade', upgrade: 'echo' }
    const request = http.request({ host: HOST, agent: netA.httpAgent(), headers })
    request.end()
    const [, socket] = (await once(request, 'upgrade')) as [unknown, Duplex]
    socket.end('as it is')
    let text = ''
    for await (const chunk of socket) text += chunk
    assert.equal(text, 'as it is')
    server.close()
    await once(server, 'close')
  })

  it('connects as the request and the agent ask for', LIMIT, async () => {
    const server = await listening(netB.adopt(http.createServer(mirror)), 80)
    const agent = netA.httpAgent({ keepAlive: true })
    const { socket } = await get({ agent, localPort: 23_459, keepAliveInitialDelay: 5000 } as RequestOptions)
    assert.equal(socket?.localPort, 23_459)
    const tcb = [...world.a.machine.connections].find(({ localPort }) => localPort === 23_459) as Tcb
    // An agent's connections do not wait to fill a segment, and ask whether the peer is there.
    assert.equal(tcb.noDelay, true)
    assert.equal(tcb.settings.keepAlive, 1_000_000)
    agent.destroy()
    server.close()
    await once(server, 'close')
  })

  it('times out, and is destroyed, as anywhere', LIMIT, async () => {
    const server = await listening(netB.adopt(http.createServer(() => undefined)), 80)
    const request = http.request({ host: HOST, agent: netA.httpAgent(), timeout: 20 })
    request.on('timeout', () => request.destroy(new Error('too slow'))).end()
    const [error] = (await once(request, 'error')) as [Error]
    assert.equal(error.message, 'too slow')
    const refused = http.get({ host: HOST, port: 81, agent: netA.httpAgent() })
    assert.equal(((await once(refused, 'error')) as [NodeJS.ErrnoException])[0].code, 'ECONNREFUSED')
    server.close()
    await once(server, 'close')
  })

  it('http2 in clear text', LIMIT, async () => {
    const server = http2.createServer((request, response) => response.end(`h2 ${request.url}`))
    await listening(netB.adopt(server), 80)
    const session = http2.connect('http://10.0.0.2', { createConnection: () => netA.connect(80, HOST) })
    const stream = session.request({ ':path': '/deep' })
    let text = ''
    for await (const chunk of stream) text += chunk
    assert.equal(text, 'h2 /deep')
    session.close()
    server.close()
    await once(server, 'close')
  })
})

describe('node:tls over the stack', () => {
  const world = stacks()
  const { netA, netB } = world
  const { cert, key } = selfSigned('stack.example', HOST)
  after(() => world.close())

  it('node:https serves and asks', LIMIT, async () => {
    const server = await listening(netB.adopt(https.createServer({ cert, key }, mirror)), 443)
    const agent = netA.httpsAgent({ ca: cert, keepAlive: true })
    const first = await get({ agent, port: 443, path: '/secret' }, undefined, https)
    assert.deepEqual([first.status, first.text], [200, 'GET /secret '])
    assert.equal((await get({ agent, port: 443, path: '/again' }, undefined, https)).text, 'GET /again ')
    agent.destroy()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  it('tls.connect on a socket, before and after it is connected, refuses a stranger', LIMIT, async () => {
    const server = await listening(
      netB.adopt(tls.createServer({ cert, key }, (socket) => void socket.pipe(socket))),
      443,
    )
    const connected = netA.connect(443, HOST)
    await once(connected, 'connect')
    for (const socket of [connected, netA.connect(443, HOST)]) {
      const each = tls.connect({ socket, ca: cert, servername: 'stack.example' })
      await once(each, 'secureConnect')
      assert.equal(each.getProtocol(), 'TLSv1.3')
      each.end('over TLS')
      let text = ''
      for await (const chunk of each) text += chunk
      assert.equal(text, 'over TLS')
    }
    const stranger = tls.connect({ socket: netA.connect(443, HOST), servername: 'stack.example' })
    const [error] = (await once(stranger, 'error')) as [NodeJS.ErrnoException]
    assert.equal(error.code, 'DEPTH_ZERO_SELF_SIGNED_CERT')
    server.close()
    await once(server, 'close')
  })

  it('knows its addresses at both ends, and passes on what is asked of the connection', LIMIT, async () => {
    const seen: object[] = []
    const note = (socket: tls.TLSSocket): void => {
      const { remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily } = socket
      seen.push({ remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily, ...socket.address() })
    }
    const server = https.createServer({ cert, key }, ({ socket }, response) => {
      note(socket as tls.TLSSocket)
      response.end('x')
    })
    await listening(netB.adopt(server), 443)
    const agent = netA.httpsAgent({ ca: cert })
    const request = https.get({ host: HOST, port: 443, agent, localPort: 23_460 })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    note(response.socket as tls.TLSSocket)
    response.resume()
    const [ours, theirs] = [
      { address: '10.0.0.1', port: 23_460 },
      { address: HOST, port: 443 },
    ]
    const place = (local: typeof ours, remote: typeof ours): object => ({
      localAddress: local.address,
      localPort: local.port,
      localFamily: 'IPv4',
      remoteAddress: remote.address,
      remotePort: remote.port,
      remoteFamily: 'IPv4',
      family: 'IPv4',
      ...local,
    })
    assert.deepEqual(seen, [place(theirs, ours), place(ours, theirs)])
    agent.destroy()
    server.close()
    await once(server, 'close')

    const below = netA.connect(1, HOST).on('error', () => undefined)
    const asked: unknown[] = []
    for (const name of ['setNoDelay', 'setKeepAlive', 'ref', 'unref'] as const) {
      below[name] = (...args: unknown[]) => {
        asked.push([name, ...args])
        return below
      }
    }
    const secured = netA.connectTls({ socket: below }).on('error', () => undefined)
    secured.setNoDelay(true).setKeepAlive(true, 1000).unref().ref()
    assert.deepEqual(asked, [['setNoDelay', true], ['setKeepAlive', true, 1000], ['unref'], ['ref']])
    await once(secured, 'close')
  })

  it('connects as node:tls does: what it says meanwhile, and when it has waited too long', LIMIT, async () => {
    const silent = await listening(
      netB.createServer((socket) => void socket.resume()),
      443,
    )
    const socket = netA.connectTls({ host: HOST, port: 443, timeout: 20 })
    const events: string[] = []
    for (const event of ['connect', 'ready', 'timeout', 'close']) socket.on(event, () => events.push(event))
    assert.deepEqual(
      [socket.connecting, socket.pending, socket.readyState, socket.timeout],
      [true, true, 'opening', 20],
    )
    await once(socket, 'timeout')
    assert.deepEqual([socket.connecting, socket.pending, socket.readyState], [false, false, 'open'])
    socket.destroy()
    await once(socket, 'close')
    assert.deepEqual(events, ['connect', 'ready', 'timeout', 'close'])
    silent.close()
    await once(silent, 'close')
  })

  it('gives the connection what says how to connect, and TLS the rest', LIMIT, async () => {
    const server = await listening(
      netB.adopt(tls.createServer({ cert, key }, (socket) => void socket.end('plain'))),
      443,
    )
    const options = { host: HOST, port: 443, ca: cert, servername: 'stack.example' }
    const socket = netA.connectTls({ ...options, encoding: 'utf8', highWaterMark: 100 } as tls.ConnectionOptions)
    const [text] = await once(socket.setEncoding('utf8'), 'data')
    assert.equal(text, 'plain')
    const { host, port, ...rest } = options
    const byPlace = netA.connectTls(port, host, rest, () => byPlace.setEncoding('utf8'))
    assert.equal((await once(byPlace, 'data'))[0], 'plain')
    const byPort = netA.connectTls(port, { ...rest, host })
    assert.equal(String((await once(byPort, 'data'))[0]), 'plain')
    const controller = new AbortController()
    const aborted = netA.connectTls({ ...options, signal: controller.signal } as tls.ConnectionOptions)
    const errors: unknown[] = []
    aborted.on('error', (error: NodeJS.ErrnoException) => errors.push(error.code))
    controller.abort()
    await once(aborted, 'close')
    assert.deepEqual(errors, ['ABORT_ERR'])
    server.close()
    await once(server, 'close')
  })

  it("an agent's time for https runs on TLS", LIMIT, async () => {
    const server = await listening(netB.adopt(https.createServer({ cert, key }, () => undefined)), 443)
    const request = https.get({ host: HOST, port: 443, agent: netA.httpsAgent({ ca: cert, timeout: 50 }) })
    request.on('error', () => undefined)
    await once(request, 'timeout')
    request.destroy()
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  })

  it('ends without an error where the server is through after the handshake', LIMIT, async () => {
    const server = await listening(netB.adopt(tls.createServer({ cert, key }, (socket) => void socket.destroy())), 443)
    for (let i = 0; i < 5; i++) {
      const options = { host: HOST, port: 443, ca: cert, servername: 'stack.example' }
      let secured = false
      const socket = netA.connectTls(options, () => {
        secured = true
      })
      await once(socket.resume(), 'close')
      assert.ok(secured)
    }
    server.close()
    await once(server, 'close')
  })

  it('carries 16 MiB each way at once', LIMIT, async () => {
    const server = await listening(
      netB.adopt(tls.createServer({ cert, key }, (socket) => void socket.pipe(socket))),
      443,
    )
    const socket = tls.connect({ socket: netA.connect(443, HOST), ca: cert, servername: 'stack.example' })
    const bytes = Buffer.alloc(16 << 20, 'a TLS record is not a segment')
    socket.end(bytes)
    const received: Buffer[] = []
    for await (const chunk of socket) received.push(chunk)
    assert.ok(Buffer.concat(received).equals(bytes))
    server.close()
    await once(server, 'close')
  })
})

describe('web streams over the stack', () => {
  it('go both ways by Duplex.toWeb', LIMIT, async () => {
    const { netA, netB, close } = stacks()
    const server = await listening(
      netB.createServer((socket) => void socket.pipe(socket)),
      7,
    )
    const { readable, writable } = Duplex.toWeb(netA.connect(7, HOST))
    const writer = writable.getWriter()
    const written = writer.write(Buffer.alloc(1 << 20, 'web')).then(() => writer.close())
    let length = 0
    for await (const chunk of readable) length += chunk.length
    await written
    assert.equal(length, 1 << 20)
    server.close()
    await once(server, 'close')
    close()
  })
})
