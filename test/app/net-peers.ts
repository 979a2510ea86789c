// The other ends of app/net on ordinary kernel sockets. Run: node dist/test/app/net-peers.js NAME [URL | CERT [KEY]]
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import https from 'node:https'
import net, { type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'

const [name = '', url = '', keyFile = ''] = process.argv.slice(2)
const ready = (): void => console.log('ready')

const PEERS: Readonly<Record<string, () => void>> = {
  'http-server': () => serveHttp(http.createServer()),
  'https-server': () => serveHttp(https.createServer({ cert: readFileSync(url), key: readFileSync(keyFile) })),
  'tls-server': () => {
    const server = tls.createServer({ cert: readFileSync(url), key: readFileSync(keyFile) }, (socket) => {
      socket.pipe(socket)
    })
    server.listen(8000, ready)
  },
  'tls-client': async () => {
    const socket = tls.connect({ host: '10.0.0.2', port: 8443, ca: readFileSync(url) })
    process.stdout.write(await text(socket))
  },
  // It reads nothing at first: who writes to it has to wait.
  'late-echo': () => net.createServer((socket) => setTimeout(() => socket.pipe(socket), 300)).listen(8000, ready),
  'dgram-echo': () => {
    const socket = dgram.createSocket('udp4', (message, sender) => socket.send(message, sender.port, sender.address))
    socket.bind(8000, ready)
  },
  'dgram-client': async () => {
    const socket = dgram.createSocket('udp4')
    const large = Buffer.alloc(60_000, 'a large datagram')
    for (const data of [Buffer.from('small'), large]) {
      socket.send(data, 7, '10.0.0.2')
      const [message, sender] = await once(socket, 'message')
      console.log(`${sender.address}:${sender.port} ${message.length} ${data.equals(message)}`)
    }
    socket.close()
  },
  'websocket-server': () => {
    const server = new WebSocketServer({ port: 8000 }, ready)
    server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
  },
  'websocket-client': () => {
    const socket = new WebSocket(url)
    const large = Buffer.alloc(1 << 20, 'a large message')
    socket.on('open', () => socket.ping('are you there'))
    socket.on('pong', (data) => {
      console.log(`pong: ${data}`)
      socket.send('text')
      socket.send(large)
    })
    socket.on('message', (data: Buffer, isBinary) => {
      console.log(isBinary ? `binary: ${data.equals(large)}` : `text: ${data}`)
      if (isBinary) socket.close(1000, 'enough')
    })
    socket.on('close', (code) => console.log(`closed: ${code}`))
  },
  'redis-server': () => net.createServer(serveRedis).listen(8000, ready),
  'postgres-server': () => net.createServer(servePostgres).listen(8000, ready),
}

/** Says what it was asked, and with which body; tells of each connection, and upgrades one to an echo. */
function serveHttp(server: http.Server): void {
  server.on('request', async (request: IncomingMessage, response: ServerResponse) => {
    const body = await text(request)
    response.end(`answer to ${request.url}${body && ` with ${body}`}`)
  })
  server.on('upgrade', (_request: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n')
    socket.write(head)
    socket.pipe(socket)
  })
  server.on('connection', () => console.log('a connection'))
  server.listen(url === '' ? 8000 : 8443, ready)
}

/** RESP2, as much as SET, GET, INCR and a client's greetings need. */
function serveRedis(socket: Socket): void {
  const store = new Map<string, string>()
  const reply = (command: string, key = '', value = ''): string => {
    if (command === 'incr') store.set(key, String(Number(store.get(key) ?? 0) + 1))
    if (command === 'incr') return `:${store.get(key)}\r\n`
    if (command === 'set') store.set(key, value)
    const stored = store.get(key)
    if (command === 'get') return stored === undefined ? '$-1\r\n' : `$${stored.length}\r\n${stored}\r\n`
    return command === 'info' ? '$17\r\nredis_version:7.0\r\n' : '+OK\r\n'
  }
  let text = ''
  socket.on('data', (data) => {
    text += data
    for (let match = WORDS.exec(text); match !== null; match = WORDS.exec(text)) {
      const count = Number(match[1])
      const words = [...text.matchAll(/\$\d+\r\n(.*)\r\n/g)].slice(0, count)
      const last = words.at(-1)
      if (last === undefined || words.length < count) return
      text = text.slice(last.index + last[0].length)
      const [command, key, value] = words.map((word) => word[1]!)
      socket.write(reply(command!.toLowerCase(), key, value))
    }
  })
}
const WORDS = /^\*(\d+)\r\n/

/** Version 3 of PostgreSQL's protocol, as much as a query needs that is answered with its parameters. */
function servePostgres(socket: Socket): void {
  let bytes = Buffer.alloc(0)
  let isStarted = false
  let values: Buffer[] = []
  socket.on('data', (data: Buffer) => {
    bytes = Buffer.concat([bytes, data])
    for (;;) {
      const at = isStarted ? 1 : 0
      if (bytes.length < at + 4 || bytes.length < at + bytes.readUInt32BE(at)) return
      const body = bytes.subarray(at + 4, at + bytes.readUInt32BE(at))
      const kind = isStarted ? String.fromCharCode(bytes[0]!) : 'start'
      bytes = bytes.subarray(at + 4 + body.length)
      isStarted = true
      if (kind === 'B') values = parametersOf(body)
      if (kind === 'X') socket.end()
      else socket.write(answer(kind, values))
    }
  })
}

function answer(kind: string, values: readonly Buffer[]): Buffer {
  if (kind === 'start') return Buffer.concat([message('R', int32(0)), message('Z', Buffer.from('I'))])
  if (kind === 'P') return message('1')
  if (kind === 'B') return message('2')
  if (kind === 'D') return message('T', int16(2), column('greeting', 25), column('number', 23))
  if (kind === 'E') {
    const cells = values.flatMap((value) => [int32(value.length), value])
    return Buffer.concat([message('D', int16(values.length), ...cells), message('C', Buffer.from('SELECT 1\0'))])
  }
  return kind === 'S' ? message('Z', Buffer.from('I')) : Buffer.alloc(0)
}

const int16 = (value: number): Buffer => Buffer.of(value >> 8, value & 0xff)
const int32 = (value: number): Buffer => Buffer.of(value >> 24, value >> 16, value >> 8, value & 0xff)
const column = (title: string, type: number): Buffer =>
  Buffer.concat([Buffer.from(`${title}\0`), int32(0), int16(0), int32(type), int16(-1), int32(-1), int16(0)])

function message(kind: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(kind), int32(body.length + 4), body])
}

/** The values of a Bind: after two names and the formats. */
function parametersOf(body: Buffer): Buffer[] {
  const names = body.indexOf(0, body.indexOf(0) + 1) + 1
  let at = names + 2 + 2 * body.readInt16BE(names)
  const count = body.readInt16BE(at)
  at += 2
  return Array.from({ length: count }, () => {
    const length = body.readInt32BE(at)
    at += 4 + length
    return body.subarray(at - length, at)
  })
}

const peer = PEERS[name]
if (peer === undefined) throw new Error(`no peer "${name}"`)
peer()
