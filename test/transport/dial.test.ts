import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { after, afterEach, before, describe, it } from 'node:test'
import { type DialOptions, dialPath } from '../../src/transport/dial.ts'
import type { Login, PathProxy, ProxyKind } from '../../src/transport/proxy.ts'
import { eventually } from '../real/collect.ts'
import { testCertificate } from './certificate.ts'
import { freePort } from './free-port.ts'
import { HttpProxy, type HttpProxyOptions } from './http-proxy.ts'
import { patiently } from './patiently.ts'
import { SocksServer } from './socks-server.ts'

const HOST = '127.0.0.1'
const LOGIN: Login = { user: 'ada', password: 'p:@/é' }

describe('dialPath()', () => {
  let target: Server
  let clients: Socket[] = []
  let closers: { close(): void }[] = []
  before(async () => {
    target = createServer({ allowHalfOpen: true }, (socket) => {
      clients.push(socket)
      socket.on('error', () => undefined).write('banner ')
      socket.pipe(socket)
    }).listen(0, HOST)
    await once(target, 'listening')
  })
  after(() => target.close())
  afterEach(() => {
    for (const each of closers) each.close()
    for (const socket of clients) socket.destroy()
    closers = []
    clients = []
  })

  const targetPort = (): number => (target.address() as AddressInfo).port
  const dial = (options: Partial<DialOptions>): Promise<Socket> =>
    dialPath({ host: HOST, port: targetPort(), timeout: 20_000, ...options })
  const fails = (options: Partial<DialOptions>): Promise<string> =>
    dial(options).then(
      () => 'nothing',
      (error) => `${error.code ?? error.name}: ${error.message}`,
    )
  const kept = <T extends { close(): void }>(each: T): T => {
    closers.push(each)
    return each
  }
  const proxyAt = (kind: ProxyKind, port: number, login?: Login): PathProxy => ({ kind, host: HOST, port, login })
  const httpProxy = async (options: HttpProxyOptions = {}): Promise<PathProxy> =>
    proxyAt('http', kept(await HttpProxy.start(options)).port, options.login)

  /** What comes back of `hello` and the end behind it; the target's own words stand before. */
  async function exchange(socket: Socket): Promise<string> {
    socket.end('hello')
    let text = ''
    for await (const chunk of socket) text += chunk
    return text
  }

  it('connects directly, and half-closes', async () => {
    assert.equal(await exchange(await dial({})), 'banner hello')
  })

  it('starts from a local address', async () => {
    const socket = await dial({ local: '127.0.0.7' })
    assert.equal(socket.localAddress, '127.0.0.7')
    assert.equal(await exchange(socket), 'banner hello')
  })

  it('connects through each kind of proxy, with user and password and without', async () => {
    const tls = await testCertificate()
    const relay = createServer((client) => {
      clients.push(client)
      dial({}).then((far) => client.pipe(far).pipe(client))
    }).listen(0, HOST)
    await once(relay, 'listening')
    const ways: PathProxy[] = [
      proxyAt('socks5', kept(await SocksServer.start()).port),
      proxyAt('socks5', kept(await SocksServer.start({ login: LOGIN })).port, LOGIN),
      await httpProxy(),
      await httpProxy({ login: LOGIN }),
      proxyAt('https', kept(await HttpProxy.start({ tls })).port),
      proxyAt('https', kept(await HttpProxy.start({ tls, login: LOGIN })).port, LOGIN),
      proxyAt('tcp', (kept(relay).address() as AddressInfo).port),
    ]
    for (const proxy of ways) {
      const socket = await dial({ proxy, proxyCa: tls.cert })
      let text = ''
      socket.write('hello')
      for await (const chunk of socket) {
        text += chunk
        if (text.length === 'banner hello'.length) break
      }
      assert.equal(text, 'banner hello', proxy.kind)
    }
  })

  it('asks an HTTP proxy in the words of RFC 9110', async () => {
    const server = kept(await HttpProxy.start({ login: LOGIN }))
    await dial({ proxy: proxyAt('http', server.port, LOGIN) })
    const at = `${HOST}:${targetPort()}`
    const secret = Buffer.from('ada:p:@/é').toString('base64')
    assert.deepEqual(server.requests, [
      `CONNECT ${at} HTTP/1.1\r\nHost: ${at}\r\nProxy-Authorization: Basic ${secret}\r\n\r\n`,
    ])
    const other = kept(await HttpProxy.start({ answer: 'HTTP/1.1 403 no\r\n\r\n' }))
    await fails({ host: '2001:db8::1', port: 1, proxy: proxyAt('http', other.port) })
    assert.match(other.requests[0]!, /^CONNECT \[2001:db8::1\]:1 HTTP\/1\.1\r\nHost: \[2001:db8::1\]:1\r\n\r\n$/)
  })

  it('loses nothing that stands behind the answer, in one piece or octet by octet', async () => {
    for (const dribbles of [false, true]) {
      assert.equal(await exchange(await dial({ proxy: await httpProxy({ dribbles }) })), 'banner hello')
    }
    const answer =
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nA: b\r\n\r\nHTTP/1.1 200\r\nContent-Length: 9\r\n\r\nall of it'
    assert.equal(await exchange(await dial({ proxy: await httpProxy({ answer }) })), 'all of it')
  })

  describe('says which hop failed, and why', () => {
    it('the target', async () => {
      const port = await freePort()
      assert.equal(
        await fails({ port }),
        `ECONNREFUSED: Cannot reach ${HOST}:${port}: nothing listens there (ECONNREFUSED)`,
      )
      assert.match(
        await fails({ port, local: '127.0.0.7' }),
        /Cannot reach 127\.0\.0\.1:\d+ from 127\.0\.0\.7: nothing/,
      )
      assert.match(await fails({ host: 'x\r\ny' }), /^EINVAL: .* no such host/)
      assert.match(await fails({ local: '192.0.2.77' }), /^EADDRNOTAVAIL: .* the local address is none of this machine/)
      assert.match(await fails({ local: '::1' }), /^EAFNOSUPPORT: .* it has no IPv6 address/)
    })

    it('the name', async () => {
      const resolve = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }))
      const of = (code: string) => fails({ host: 'far.example', resolve: resolve(code) })
      assert.match(await of('ENOTFOUND'), /^EHOSTUNREACH: Cannot reach far\.example:\d+: its name is not known/)
      assert.match(await of('EAI_AGAIN'), /no name server answers/)
      const silent = fails({ host: 'far.example', resolve: () => new Promise(() => {}), timeout: 20 })
      assert.match(await silent, /^ETIMEDOUT: Cannot reach far\.example:\d+: no name server has answered within 0.02 s/)
    })

    it('the proxy', async () => {
      const port = await freePort()
      for (const kind of ['socks5', 'http', 'https'] as const) {
        const expected = `ERR_PROXY: Cannot reach the proxy ${HOST}:${port}: nothing listens there, ECONNREFUSED (ERR_PROXY)`
        assert.equal(await fails({ proxy: proxyAt(kind, port) }), expected)
      }
      assert.match(
        await fails({ proxy: proxyAt('tcp', port) }),
        /^ECONNREFUSED: Cannot reach 127.0.0.1:\d+ by way of 127.0.0.1:\d+: nothing listens there/,
      )
    })

    it('user and password', async () => {
      const proxy = await httpProxy({ login: LOGIN })
      const wrong = await fails({ proxy: { ...proxy, login: { user: 'ada', password: 'secret' } } })
      assert.match(wrong, /^ERR_PROXY_AUTH: the proxy .* does not let us in: user name or password is wrong/)
      assert.doesNotMatch(wrong, /secret/)
      assert.match(await fails({ proxy: { ...proxy, login: undefined } }), /it wants a user name and a password/)
      const foreign = { ...(await httpProxy({ answer: 'HTTP/1.1 401 Unauthorized\r\n\r\n' })), login: LOGIN }
      assert.match(await fails({ proxy: foreign }), /^ERR_PROXY_AUTH: .* user name or password is wrong/)
      const answer =
        'HTTP/1.1 407 x\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Digest realm="a", qop="b"\r\n\r\n'
      assert.match(
        await fails({ proxy: await httpProxy({ answer }) }),
        /it wants Negotiate or Digest, and we know only Basic/,
      )
    })

    it('what the proxy says of the target', async () => {
      const of = async (answer: string) => fails({ proxy: await httpProxy({ answer: `HTTP/1.1 ${answer}\r\n\r\n` }) })
      assert.match(await of('403 Filtered'), /^ERR_PROXY_REFUSED: .* the proxy will not; it answered "403 Filtered"/)
      assert.match(await of('301 Elsewhere'), /^ERR_PROXY_REFUSED: /)
      assert.match(await of('502 x'), /^EHOSTUNREACH: Cannot connect to 127.0.0.1:\d+ through the proxy 127.0.0.1:/)
      assert.match(await of('504 x'), /^ETIMEDOUT: .* waited for the destination in vain/)
      const refused = await fails({ port: await freePort(), proxy: await httpProxy() })
      assert.match(refused, /^ECONNREFUSED: .* the destination refused the connection/)
    })

    it('that there is no such proxy', async () => {
      const of = async (options: HttpProxyOptions) => fails({ proxy: await httpProxy(options) })
      assert.match(await of({ answer: 'SSH-2.0-OpenSSH\r\n' }), /^ERR_PROXY: .* it speaks no HTTP/)
      assert.match(await of({ answer: Buffer.alloc(100_000, 0x80) }), /^ERR_PROXY: .* it speaks no HTTP/)
      assert.match(await of({ answer: '' }), /ended the connection in the middle of an answer/)
      assert.match(await of({ answer: 'HTTP/1.1 200 OK\r\nVia' }), /ended the connection in the middle of an answer/)
      const huge = `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(50_000)}`
      assert.match(await of({ answer: huge, ends: false }), /the head of its answer is longer than 8192 octets/)
      const talker = kept(await SocksServer.start({ says: 'HTTP/1.1 400 no\r\n\r\n' }))
      assert.match(await fails({ proxy: proxyAt('socks5', talker.port) }), /speaks no SOCKS5: its first octet is 72/)
    })

    it('the certificate of an HTTPS proxy', async () => {
      const { key, cert } = await testCertificate()
      const secure = proxyAt('https', kept(await HttpProxy.start({ tls: { key, cert } })).port)
      assert.match(
        await fails({ proxy: secure }),
        /^ERR_PROXY: .* TLS failed: .*self.signed.*; say in proxy-ca which authority/,
      )
      const elsewhere = await testCertificate('127.0.0.2')
      const other = kept(await HttpProxy.start({ tls: { key: elsewhere.key, cert: elsewhere.cert } }))
      assert.match(
        await fails({ proxy: proxyAt('https', other.port), proxyCa: elsewhere.cert }),
        /TLS failed: .* is not in the cert's list/,
      )
      const talker = kept(await SocksServer.start({ says: 'HTTP/1.1 400 no\r\n\r\n' }))
      assert.match(
        await fails({ proxy: proxyAt('https', talker.port) }),
        /TLS failed: it speaks no TLS; http:\/\/ is for/,
      )
    })
  })

  it('tries all addresses of a name, and says of each why not', async () => {
    const resolve = () => Promise.resolve(['127.0.0.3', '127.0.0.2', HOST])
    const port = await freePort()
    assert.equal(
      await fails({ host: 'far.example', port, resolve }),
      `ECONNREFUSED: Cannot reach far.example:${port}: ` +
        '127.0.0.3 ECONNREFUSED, 127.0.0.2 ECONNREFUSED, 127.0.0.1 ECONNREFUSED (ECONNREFUSED)',
    )
    const socket = await dial({ host: 'far.example', resolve })
    assert.equal(socket.remoteAddress, HOST)
  })

  it('asks for the name anew at each attempt, and once for attempts at the same time', async () => {
    let asked = 0
    const resolve = () => Promise.resolve([asked++ === 0 ? '127.0.0.3' : HOST])
    assert.match(await fails({ host: 'far.example', resolve }), /127\.0\.0\.3|nothing listens there/)
    await dial({ host: 'far.example', resolve })
    assert.equal(asked, 2)
    const [one, other] = await Promise.all([dial({ host: 'localhost' }), dial({ host: 'localhost' })])
    assert.equal(await exchange(one), await exchange(other))
  })

  it('gives up on silent proxies after its time, and says where it stood', async () => {
    const silent = await httpProxy({ isMute: true })
    for (const [kind, expected] of [
      ['http', /^ETIMEDOUT: the proxy 127\.0\.0\.1:\d+ did not answer within [\d.]+ s/],
      ['socks5', /^ETIMEDOUT: the proxy 127\.0\.0\.1:\d+ did not answer within [\d.]+ s/],
      ['https', /^ERR_PROXY: the proxy 127\.0\.0\.1:\d+ did not answer to TLS within [\d.]+ s/],
    ] as const) {
      await patiently((timeout) => fails({ proxy: { ...silent, kind }, timeout }), expected)
    }
    // Slow is not silent, and yet too late.
    const slow = await httpProxy({ answer: `HTTP/1.1 200 ${'slow '.repeat(1500)}`, dribbles: true })
    await patiently((timeout) => fails({ proxy: slow, timeout }), /^ETIMEDOUT: the proxy .* did not answer within/)
  })

  it('is not held up by others that wait', async () => {
    const silent = await httpProxy({ isMute: true })
    const controller = new AbortController()
    const waiting = Array.from({ length: 20 }, () => fails({ proxy: silent, signal: controller.signal }))
    for (let i = 0; i < 3; i++) assert.equal(await exchange(await dial({ proxy: await httpProxy() })), 'banner hello')
    controller.abort(new Error('enough'))
    assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['Error: enough']))
  })

  it('ends at its signal, and leaves nothing open', async () => {
    const server = kept(await HttpProxy.start({ isMute: true }))
    const controller = new AbortController()
    const failed = fails({ proxy: proxyAt('http', server.port), signal: controller.signal })
    await eventually(() => server.open === 1, 'a connection to the proxy')
    controller.abort(new Error('changed my mind'))
    assert.equal(await failed, 'Error: changed my mind')
    assert.equal(await fails({ signal: AbortSignal.abort(new Error('before')) }), 'Error: before')
    await eventually(() => server.open === 0, 'the proxy to be left alone')
  })
})
