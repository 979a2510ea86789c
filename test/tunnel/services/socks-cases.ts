import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { connectBySocks5 } from '../../../src/transport/socks5.ts'
import { Socks5Association, udpHeader } from '../../../src/transport/socks5-udp.ts'
import { curl, withoutCurl } from './curl.ts'
import type { MakePair } from './memory-session.ts'
import { assertSame, Backend, closing, echo, exchange, readAll, someBytes, until, World } from './world.ts'

const LISTEN = { name: 'any', type: 'socks5', listen: '127.0.0.1:0' } as const
const ALLOW = { name: 'any', type: 'proxy', allow: ['127.0.0.0/8:*', 'localhost:*'] } as const
const LOGIN = { user: 'ada', password: 'secret' }

/** What a SOCKS5 proxy at the tunnel's end must do, whatever the session. */
export function socksCases(makePair: MakePair): void {
  const run = (body: (world: World) => Promise<void>) => (): Promise<void> => World.run(makePair, body)
  const proxyOf = (world: World, login?: typeof LOGIN) => {
    const { port } = new URL(`tcp://${world.asking.status()[0]!.listening}`)
    return { host: '127.0.0.1', port: Number(port), login }
  }
  const settled = (world: World): Promise<void> => until(() => world.asking.status()[0]!.open === 0)

  describe('a SOCKS5 listener', () => {
    it(
      'leads where its client asks, by address and by name',
      run(async (world) => {
        const { port } = await world.backend(echo)
        await world.open([LISTEN], [ALLOW])
        for (const host of ['127.0.0.1', 'localhost']) {
          const bytes = someBytes(1024 * 1024)
          const socket = await connectBySocks5(proxyOf(world), { host, port })
          assertSame(await exchange(socket, bytes), bytes)
        }
        await settled(world)
        const { total, refused, errors } = world.asking.status()[0]!
        assert.deepEqual({ total, refused, errors }, { total: 2, refused: 0, errors: {} })
      }),
    )

    it(
      'says why a target is not reached',
      run(async (world) => {
        const closed = await Backend.open(echo)
        const { port } = closed
        await closed.close()
        const unknown = Object.assign(new Error('no'), { code: 'ENOTFOUND' })
        const resolve = (): Promise<never> => Promise.reject(unknown)
        await world.open([LISTEN], [{ ...ALLOW, allow: [...ALLOW.allow, '*.example.org:*'], resolve }])
        const ask = (host: string) => connectBySocks5(proxyOf(world), { host, port })
        await assert.rejects(ask('127.0.0.1'), { code: 'ECONNREFUSED' })
        await assert.rejects(ask('www.example.org'), { code: 'EHOSTUNREACH' })
        await assert.rejects(ask('www.example.net'), { code: 'ERR_PROXY_REFUSED', message: /rules/ })
        await assert.rejects(ask('192.0.2.1'), { code: 'ERR_PROXY_REFUSED', message: /rules/ })
        await settled(world)
        assert.deepEqual(world.asking.status()[0]!.errors, { FORBIDDEN: 2, REFUSED: 1, UNREACHABLE: 1 })
        world.asking.detach(world.pair.asking)
        await assert.rejects(ask('127.0.0.1'), { code: 'ERR_PROXY_REFUSED' })
      }),
    )

    it(
      'wants a name and a password where it is told to',
      run(async (world) => {
        const { port } = await world.backend(echo)
        await world.open([{ ...LISTEN, login: LOGIN }], [ALLOW])
        const to = { host: '127.0.0.1', port }
        assert.equal((await exchange(await connectBySocks5(proxyOf(world, LOGIN), to), 'x')).toString(), 'x')
        await assert.rejects(connectBySocks5(proxyOf(world), to), { code: 'ERR_PROXY_AUTH' })
        const wrong = { ...LOGIN, password: 'guess' }
        await assert.rejects(connectBySocks5(proxyOf(world, wrong), to), { code: 'ERR_PROXY_AUTH' })
      }),
    )

    it(
      'delivers what a client says before it hears that it is connected',
      run(async (world) => {
        const { port } = await world.backend(echo)
        await world.open([LISTEN], [ALLOW])
        const socket = world.connect()
        const request = [5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, port >>> 8, port & 0xff]
        const answer = await exchange(socket, Buffer.concat([Buffer.from(request), Buffer.from('early')]))
        assert.equal(answer.toString('hex', 0, 12), '050005000001000000000000')
        assert.equal(answer.toString('latin1', 12), 'early')
      }),
    )

    it(
      'ends those that say nothing, nonsense, or too little',
      run(async (world) => {
        await world.open([LISTEN, { ...LISTEN, name: 'hasty', handshakeTimeout: 20 }], [ALLOW])
        assert.equal(await closing(world.connect('hasty')), 'ECONNRESET')
        assert.deepEqual(world.asking.status()[1]!.errors, { TIMED_OUT: 1 })
        assert.equal((await exchange(world.connect(), 'GET / HTTP/1.1\r\n\r\n')).length, 0)
        const short = world.connect()
        short.end(Buffer.from([5, 1]))
        assert.equal(await closing(short), 'ECONNRESET')
        await settled(world)
        assert.deepEqual(world.asking.status()[0]!.errors, { CANCELLED: 1, PROTOCOL: 1 })
      }),
    )

    it(
      'gives a target up when its client goes',
      run(async (world) => {
        let isAsked = false
        const resolve = (): Promise<never> => {
          isAsked = true
          return new Promise(() => undefined)
        }
        await world.open([LISTEN], [{ ...ALLOW, allow: ['*.example.org:80'], resolve }])
        const socket = world.connect()
        socket.write(Buffer.concat([Buffer.from([5, 1, 0, 5, 1, 0, 3, 13]), Buffer.from('w.example.org\0P')]))
        await until(() => isAsked)
        socket.resetAndDestroy()
        await settled(world)
        await until(() => world.answering.status()[0]!.open === 0)
      }),
    )

    it(
      'serves curl by name and by address',
      { skip: withoutCurl },
      run(async (world) => {
        const server = createServer((request, response) => response.end(`hello ${request.url}`))
        server.listen(0, '127.0.0.1')
        await once(server, 'listening')
        world.onEnd(() => server.close())
        const { port } = server.address() as AddressInfo
        await world.open([{ ...LISTEN, login: LOGIN }], [ALLOW])
        const proxy = proxyOf(world)
        const ask = (scheme: string, login: string, host = '127.0.0.1') =>
          curl('-x', `${scheme}://${login}@127.0.0.1:${proxy.port}`, `http://${host}:${port}/x`)
        assert.equal(await ask('socks5', 'ada:secret'), 'hello /x')
        assert.equal(await ask('socks5h', 'ada:secret', 'localhost'), 'hello /x')
        assert.match(await ask('socks5h', 'ada:wrong'), /^exit 97/)
        assert.match(await ask('socks5h', 'ada:secret', 'www.example.org'), /^exit 97/)
      }),
    )
  })

  describe('an association for datagrams', () => {
    const echoing = async (world: World) => {
      const socket = createSocket('udp4')
      socket.on('message', (bytes, { port, address }) => socket.send(bytes, port, address)).bind(0, '127.0.0.1')
      await once(socket, 'listening')
      world.onEnd(() => socket.close())
      return { host: '127.0.0.1', port: socket.address().port }
    }

    it(
      'carries them to each target by a flow, until its connection ends',
      run(async (world) => {
        const targets = [await echoing(world), await echoing(world)]
        await world.open([LISTEN], [ALLOW])
        const association = await Socks5Association.open(proxyOf(world))
        world.onEnd(() => association.close())
        for (const to of [...targets, { ...targets[0]!, host: 'localhost' }]) {
          const answer = new Promise<string>((resolve) => {
            association.onDatagram = (data, from) => resolve(`${Buffer.from(data)} ${from.host}:${from.port}`)
          })
          const send = (): void => association.send(udpHeader(to), Buffer.from('word'))
          const again = setInterval(send, 300)
          send()
          assert.equal(await answer, `word ${to.host}:${to.port}`)
          clearInterval(again)
        }
        assert.equal(world.answering.status()[0]!.open, 3)
        association.close()
        await until(() => world.asking.status()[0]!.open === 0 && world.answering.status()[0]!.open === 0)
        assert.deepEqual(world.asking.status()[0]!.errors, {})
      }),
    )

    it(
      'drops what is not its client’s, what is none, and what goes to a target that is not allowed',
      run(async (world) => {
        await world.open([LISTEN], [ALLOW])
        const control = world.connect()
        control.write(Buffer.from([5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0]))
        const answer = await new Promise<Buffer>((resolve) => {
          let all = Buffer.alloc(0)
          control.on('data', (chunk) => {
            all = Buffer.concat([all, chunk])
            if (all.length === 12) resolve(all)
          })
        })
        const port = answer.readUInt16BE(10)
        const [client, stranger, early] = [createSocket('udp4'), createSocket('udp4'), createSocket('udp4')]
        // Whoever comes first is not the client on that account alone.
        early.bind(0, '127.0.0.2')
        await once(early, 'listening')
        const first = setInterval(() => early.send('x', port, '127.0.0.1'), 10)
        await until(() => world.asking.status()[0]!.dropped['foreign']! > 0)
        clearInterval(first)
        early.close()
        const { foreign = 0 } = world.asking.status()[0]!.dropped
        const target = udpHeader({ host: '192.0.2.1', port: 53 })
        const again = setInterval(() => {
          client.send(Buffer.concat([target, Buffer.from('x')]), port, '127.0.0.1')
          client.send('nonsense', port, '127.0.0.1')
          if (world.asking.status()[0]!.total > 1) stranger.send('x', port, '127.0.0.1')
        }, 10)
        await until(() => {
          const { dropped, errors } = world.asking.status()[0]!
          return dropped['foreign']! > foreign && dropped['malformed']! > 0 && errors['FORBIDDEN']! > 0
        })
        clearInterval(again)
        client.close()
        stranger.close()
        control.end()
        await readAll(control).catch(() => undefined)
        await settled(world)
      }),
    )
  })
}
