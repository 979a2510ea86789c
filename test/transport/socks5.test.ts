import assert from 'node:assert/strict'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatSocks5Proxy, parseSocks5Proxy, type Socks5Proxy } from '../../src/transport/proxy.ts'
import { connectBySocks5, probeSocks5, type Socks5Options } from '../../src/transport/socks5.ts'
import { Socks5Association, udpHeader } from '../../src/transport/socks5-udp.ts'
import { readAddress, request } from '../../src/transport/socks5-wire.ts'
import { freePort } from './free-port.ts'
import { patiently } from './patiently.ts'
import { SocksServer, type SocksServerOptions } from './socks-server.ts'

const LOGIN = { user: 'ada', password: 'p:@/é' }

describe('parseSocks5Proxy()', () => {
  it('reads what people write', () => {
    const none = undefined
    for (const [text, host, port, login] of [
      ['socks5://127.0.0.1:1081', '127.0.0.1', 1081, none],
      ['socks5://proxy.example', 'proxy.example', 1080, none],
      ['socks5h://proxy.example:9050/', 'proxy.example', 9050, none],
      ['10.0.0.1:1080', '10.0.0.1', 1080, none],
      ['socks5://[2001:db8::1]:1080', '2001:db8::1', 1080, none],
      ['socks5://ada:p%3A%40%2F%C3%A9@h', 'h', 1080, LOGIN],
    ] as const) {
      assert.deepEqual(parseSocks5Proxy(text), { host, port, login }, text)
    }
  })

  it('refuses the rest', () => {
    for (const text of [
      '',
      'http://h',
      'socks5://',
      'socks5://h:70000',
      'socks5://h/path',
      'socks5://user@h',
      'socks4://h',
    ]) {
      assert.equal(parseSocks5Proxy(text), undefined, text)
    }
    assert.equal(parseSocks5Proxy(`socks5://u:${'x'.repeat(256)}@h`), undefined)
  })

  it('shows no password', () => {
    assert.equal(formatSocks5Proxy({ host: 'h', port: 1, login: LOGIN }), 'socks5://ada@h:1')
  })
})

describe('addresses of SOCKS5 (RFC 1928 §5)', () => {
  it('come out as they went in', () => {
    for (const host of ['1.2.3.4', 'example.org', '2001:db8:0:0:0:0:0:1']) {
      assert.deepEqual(readAddress(Buffer.from(request(1, { host, port: 65535 })), 3), { host, port: 65535 })
    }
    const mapped = readAddress(Buffer.from(request(1, { host: '::ffff:1.2.3.4', port: 1 })), 3)
    assert.equal(mapped.host, '0:0:0:0:0:ffff:102:304')
  })
})

describe('connectBySocks5()', () => {
  let proxies: SocksServer[] = []
  let echo: Server
  before(async () => {
    echo = createServer({ allowHalfOpen: true }, (socket) => {
      socket.write('banner ')
      socket.pipe(socket)
    }).listen(0, '127.0.0.1')
    await once(echo, 'listening')
  })
  after(() => echo.close())
  afterEach(() => {
    for (const proxy of proxies) proxy.close()
    proxies = []
  })

  async function proxyWith(options: SocksServerOptions = {}): Promise<Socks5Proxy> {
    const server = await SocksServer.start(options)
    proxies.push(server)
    return { host: '127.0.0.1', port: server.port, login: options.login }
  }

  const far = (): { host: string; port: number } => ({ host: '127.0.0.1', port: (echo.address() as AddressInfo).port })

  const fails = async (proxy: Socks5Proxy, options: Socks5Options = {}): Promise<string> =>
    connectBySocks5(proxy, far(), options).then(
      () => 'nothing',
      (error) => `${error.code ?? error.name} ${error.message}`,
    )

  it('connects, with user and password where the proxy wants them', async () => {
    for (const login of [undefined, LOGIN]) {
      const socket = await connectBySocks5(await proxyWith(login === undefined ? {} : { login }), far())
      socket.end('hello')
      let text = ''
      for await (const chunk of socket) text += chunk
      assert.equal(text, 'banner hello')
    }
  })

  it('loses nothing of what the destination says at once, however late somebody listens', async () => {
    const socket = await connectBySocks5(await proxyWith(), far())
    socket.end('x')
    await sleep(50)
    let text = ''
    for await (const chunk of socket) text += chunk
    assert.equal(text, 'banner x')
  })

  it('takes answers in pieces, and nothing beyond them', async () => {
    const socket = await connectBySocks5(await proxyWith({ login: LOGIN, dribbles: true }), far())
    socket.write('x')
    let text = ''
    for await (const chunk of socket) {
      text += chunk
      if (text.length === 8) break
    }
    assert.equal(text, 'banner x')
  })

  it('says what the proxy says of the destination (RFC 1928 §6)', async () => {
    const codes = [
      'ERR_PROXY_REFUSED',
      'ERR_PROXY_REFUSED',
      'ENETUNREACH',
      'EHOSTUNREACH',
      'ECONNREFUSED',
      'ETIMEDOUT',
      'ERR_PROXY_REFUSED',
      'EAFNOSUPPORT',
      'ERR_PROXY_REFUSED',
    ]
    for (const [i, code] of codes.entries()) {
      assert.match(await fails(await proxyWith({ reply: i + 1 })), new RegExp(`^${code} `))
    }
  })

  it('says that user or password are wrong, or missing', async () => {
    const proxy = await proxyWith({ login: LOGIN })
    assert.match(await fails({ ...proxy, login: { user: 'ada', password: 'no' } }), /^ERR_PROXY_AUTH .* is wrong/)
    assert.match(await fails({ ...proxy, login: undefined }), /^ERR_PROXY_AUTH .* wants a user name/)
    await assert.rejects(probeSocks5({ ...proxy, login: undefined }), { code: 'ERR_PROXY_AUTH' })
    await probeSocks5(proxy)
  })

  it('says that there is no proxy, that it is none, and that it ends in the middle', async () => {
    const port = await freePort()
    assert.match(await fails({ host: '127.0.0.1', port, login: undefined }), /^ERR_PROXY Cannot reach .* ECONNREFUSED/)
    assert.match(await fails(await proxyWith({ says: 'HTTP/1.1 400 Bad\r\n' })), /^ERR_PROXY .* no SOCKS5/)
    assert.match(await fails(await proxyWith({ says: '\u0005' })), /^ERR_PROXY .* in the middle/)
  })

  it('gives up after its time, and at its signal, with nothing left open', async () => {
    const proxy = await proxyWith({ isMute: true })
    await patiently((timeout) => fails(proxy, { timeout }), /^ETIMEDOUT /)
    const controller = new AbortController()
    const failed = fails(proxy, { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('changed my mind')), 20)
    assert.equal(await failed, 'Error changed my mind')
    assert.equal(await fails(proxy, { signal: AbortSignal.abort(new Error('before')) }), 'Error before')
  })

  describe('Socks5Association', () => {
    const associations: Socks5Association[] = []
    let names: UdpSocket
    before(async () => {
      names = createSocket('udp4')
      names.on('message', (message, { port, address }) => names.send(`re ${message}`, port, address))
      names.bind(0, '127.0.0.1')
      await once(names, 'listening')
    })
    after(() => names.close())
    afterEach(() => {
      for (const association of associations.splice(0)) association.close()
    })

    async function associate(options: SocksServerOptions = {}): Promise<Socks5Association> {
      const association = await Socks5Association.open(await proxyWith(options))
      associations.push(association)
      return association
    }

    it('carries datagrams to many places, and says where answers come from', async () => {
      const association = await associate({ login: LOGIN })
      const { port } = names.address()
      const answer = new Promise<string>((resolve) => {
        association.onDatagram = (data, from) => resolve(`${Buffer.from(data)} of ${from.host}:${from.port}`)
      })
      association.send(udpHeader({ host: '127.0.0.1', port }), Buffer.from('who'))
      assert.equal(await answer, `re who of 127.0.0.1:${port}`)
    })

    it('ends with the connection on which it was asked for (RFC 1928 §7)', async () => {
      const association = await associate()
      const ended = new Promise<void>((resolve) => {
        association.onEnd = resolve
      })
      proxies[0]!.close()
      await ended
      assert.equal(association.isClosed, true)
      association.send(udpHeader({ host: '127.0.0.1', port: 9 }), Buffer.from('late'))
    })

    it('is refused by proxies that carry no datagrams', async () => {
      await assert.rejects(associate({ udp: false }), { code: 'ERR_PROXY_REFUSED' })
    })

    it('passes over what is no answer, and fragments', async () => {
      const proxy = await proxyWith()
      const association = await Socks5Association.open(proxy)
      associations.push(association)
      const { port } = names.address()
      const seen: string[] = []
      association.onDatagram = (data) => seen.push(Buffer.from(data).toString())
      const fragment = udpHeader({ host: '127.0.0.1', port })
      fragment[2] = 1
      association.send(fragment, Buffer.from('part'))
      association.send(udpHeader({ host: '127.0.0.1', port }), Buffer.from('whole'))
      for (let i = 0; i < 100 && seen.length === 0; i++) await sleep(10)
      assert.deepEqual(seen, ['re whole'])
    })
  })
})
