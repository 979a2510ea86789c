import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { curl, withoutCurl } from './curl.ts'
import type { MakePair } from './memory-session.ts'
import { Backend, echo, exchange, readAll, until, World } from './world.ts'

const LISTEN = { name: 'any', type: 'http', listen: '127.0.0.1:0' } as const
const ALLOW = { name: 'any', type: 'proxy', allow: ['127.0.0.1:*'], retries: 0 } as const

/** What an HTTP proxy at the tunnel's end must do, whatever the session. */
export function httpCases(makePair: MakePair): void {
  const run = (body: (world: World) => Promise<void>) => (): Promise<void> => World.run(makePair, body)

  /** A server that tells what it was asked. */
  const origin = async (world: World): Promise<string> => {
    const server = createServer(async (request, response) => {
      let content = ''
      for await (const chunk of request) content += chunk
      response.end(`${request.method} ${request.url} ${request.headers.host} ${request.headers.via} ${content}`)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    world.onEnd(() => server.close())
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  describe('an HTTP listener', () => {
    it(
      'connects where its client asks',
      run(async (world) => {
        const { address } = await world.backend(echo)
        await world.open([LISTEN], [ALLOW])
        const socket = world.connect()
        socket.write(`CONNECT ${address} HTTP/1.1\r\nHost: ${address}\r\n\r\n`)
        const [head] = (await once(socket, 'data')) as [Buffer]
        assert.equal(head.toString(), 'HTTP/1.1 200 Connection established\r\n\r\n')
        assert.equal((await exchange(socket, 'hello')).toString(), 'hello')
        await until(() => world.asking.status()[0]!.open === 0)
        assert.deepEqual(world.asking.status()[0]!.errors, {})
      }),
    )

    it(
      'forwards a plain request, and nothing that follows it',
      run(async (world) => {
        const address = await origin(world)
        await world.open([LISTEN], [ALLOW])
        const request = `POST http://${address}/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody`
        const socket = world.connect()
        socket.write(`${request}GET http://other.example.org/secret HTTP/1.1\r\n\r\n`)
        const answer = (await readAll(socket)).toString()
        assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
        assert.ok(answer.endsWith(`POST /x ${address} 1.1 gotcp body`), answer)
        socket.end()
      }),
    )

    it(
      'says why a target is not reached',
      run(async (world) => {
        const closed = await Backend.open(echo)
        const { address } = closed
        await closed.close()
        await world.open([LISTEN], [ALLOW])
        const ask = async (target: string): Promise<string> => {
          const [head, text] = (await exchange(world.connect(), `CONNECT ${target} HTTP/1.1\r\n\r\n`))
            .toString()
            .split('\r\n\r\n') as [string, string]
          return `${head.slice(9, 12)} ${text.trim()}`
        }
        assert.equal(await ask(address), `502 Cannot connect to ${address}: nothing listens there.`)
        assert.match(await ask('192.0.2.1:80'), /^403 .*the other side of the tunnel does not allow it/)
        assert.match(await ask('nonsense'), /^400 /)
        world.asking.detach(world.pair.asking)
        assert.match(await ask(address), /^503 .*the tunnel is down/)
      }),
    )

    it(
      'wants a name and a password where it is told to',
      run(async (world) => {
        const address = await origin(world)
        await world.open([{ ...LISTEN, login: { user: 'ada', password: 's:ecret' } }], [ALLOW])
        const ask = async (credentials: string): Promise<string> => {
          const field = `Proxy-Authorization: Basic ${Buffer.from(credentials).toString('base64')}`
          const request = `GET http://${address}/ HTTP/1.1\r\n${field}\r\n\r\n`
          return (await exchange(world.connect(), request)).toString()
        }
        assert.match(await ask('ada:s:ecret'), /^HTTP\/1\.1 200 /)
        assert.match(await ask('ada:guess'), /^HTTP\/1\.1 407 .*\r\nProxy-Authenticate: Basic /s)
        assert.match(await ask('ada'), /^HTTP\/1\.1 407 /)
      }),
    )

    it(
      'serves curl, with CONNECT and without',
      { skip: withoutCurl },
      run(async (world) => {
        const address = await origin(world)
        await world.open([LISTEN], [ALLOW])
        const proxy = `http://${world.asking.status()[0]!.listening}`
        assert.equal(await curl('-x', proxy, `http://${address}/a`), `GET /a ${address} 1.1 gotcp `)
        assert.equal(
          await curl('-x', proxy, '-d', 'content', `http://${address}/b`),
          `POST /b ${address} 1.1 gotcp content`,
        )
        assert.equal(await curl('-p', '-x', proxy, `http://${address}/c`), `GET /c ${address} undefined `)
        assert.match(await curl('-p', '-x', proxy, 'http://192.0.2.1/'), /^exit 56/)
      }),
    )
  })
}
