import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { dialPath } from '../../src/transport/dial.ts'
import type { Login, PathProxy, ProxyKind } from '../../src/transport/proxy.ts'
import { testCertificate } from '../transport/certificate.ts'
import { freePort } from '../transport/free-port.ts'
import { proxyUnavailable, REAL_PROXIES, startProxy, stopProxy } from './proxies.ts'

const LIMIT = { timeout: 60_000 }
const HOST = '127.0.0.1'
const LOGIN: Login = { user: 'ada', password: 'secret' }
const WRONG: Login = { user: 'ada', password: 'guess' }

for (const real of REAL_PROXIES) {
  for (const login of [undefined, LOGIN]) {
    describe(`${real.name} ${login === undefined ? 'without' : 'with'} a password`, {
      skip: proxyUnavailable(real),
    }, () => {
      const sockets: Socket[] = []
      let folder = ''
      let child: ChildProcess | undefined
      let target: Server
      let ports: readonly number[]
      let deadPort: number
      let certificate: string

      before(async () => {
        folder = mkdtempSync(join(tmpdir(), 'gotcp-proxy-'))
        // Some give up root, and read their files later.
        chmodSync(folder, 0o755)
        const { cert, key } = await testCertificate()
        certificate = cert
        writeFileSync(join(folder, 'cert.pem'), cert)
        writeFileSync(join(folder, 'key.pem'), key)
        target = createServer((socket) => {
          sockets.push(socket)
          socket.on('error', () => undefined).pipe(socket)
        }).listen(0, HOST)
        await once(target, 'listening')
        deadPort = await freePort()
        ports = await Promise.all(real.kinds.map(() => freePort()))
        const targets = [(target.address() as AddressInfo).port, deadPort]
        const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
        child = await startProxy(real, { folder, ports, login, targets, ...files })
      })
      after(async () => {
        for (const socket of sockets) socket.destroy()
        target.close()
        if (child !== undefined) await stopProxy(child)
        rmSync(folder, { recursive: true })
      })

      const dial = async (kind: ProxyKind, as: Login | undefined, port: number): Promise<Socket> => {
        const proxy: PathProxy = { kind, host: HOST, port: ports[real.kinds.indexOf(kind)]!, login: as }
        const socket = await dialPath({ host: HOST, port, proxy, proxyCa: certificate, timeout: 20_000 })
        sockets.push(socket)
        return socket
      }
      const fails = (kind: ProxyKind, as: Login | undefined, port: number): Promise<string> =>
        dial(kind, as, port).then(
          () => 'nothing',
          (error) => error.message,
        )
      const open = (): number => (target.address() as AddressInfo).port

      for (const kind of real.kinds) {
        it(`carries both ways as ${kind}`, LIMIT, async () => {
          const socket = await dial(kind, login, open())
          const sent = Buffer.alloc(300_000, 'gotcp ')
          socket.write(sent)
          const chunks: Buffer[] = []
          let length = 0
          for await (const chunk of socket) {
            chunks.push(chunk)
            length += chunk.length
            if (length >= sent.length) break
          }
          assert.ok(Buffer.concat(chunks).equals(sent))
        })

        it(`says as ${kind} that the target refuses`, LIMIT, async () => {
          const message = await fails(kind, login, deadPort)
          assert.match(
            message,
            new RegExp(`^Cannot connect to ${HOST}:${deadPort} through the proxy .*\\(${real.refused}\\)$`),
          )
        })

        it(`says as ${kind} that the rules forbid it`, {
          ...LIMIT,
          skip: real.hasRules ? false : 'it has none',
        }, async () => {
          assert.match(
            await fails(kind, login, 9),
            /^Cannot connect to 127\.0\.0\.1:9 through .*\(ERR_PROXY_REFUSED\)$/,
          )
        })

        it(`says as ${kind} who is not let in`, {
          ...LIMIT,
          skip: login ? false : 'it lets everybody in',
        }, async () => {
          assert.match(await fails(kind, WRONG, open()), /: user name or password is wrong \(ERR_PROXY_AUTH\)$/)
          assert.match(
            await fails(kind, undefined, open()),
            /: it wants a user name and a password \(ERR_PROXY_AUTH\)$/,
          )
        })
      }
    })
  }
}
