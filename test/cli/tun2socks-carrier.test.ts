import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { describe, it } from 'node:test'
import type { Output } from '../../src/cli/output.ts'
import { Report } from '../../src/cli/tun2socks/report.ts'
import { TcpCarrier } from '../../src/cli/tun2socks/tcp-carrier.ts'
import type { TcpForwardRequest } from '../../src/stack/tcp-forward.ts'
import { SocksServer } from '../transport/socks-server.ts'

const QUIET = { record: () => undefined } as unknown as Output

describe('TcpCarrier', () => {
  it('counts among the open ones who has yet to complete the handshake', { timeout: 10_000 }, async (t) => {
    const proxy = await SocksServer.start()
    t.after(() => proxy.close())
    const address = { kind: 'socks5', host: '127.0.0.1', port: proxy.port, login: undefined } as const
    const options = { proxy: address, timeout: 10_000, most: 1, socket: {} }
    const carrier = new TcpCarrier(options, new Report(QUIET, 'silent'))
    const peers = new EventEmitter()
    let refused = 0
    /** Asks for the proxy itself; its peer completes no handshake, and gives up when told to. */
    const request = {
      remoteAddress: '198.18.0.1',
      remotePort: 1,
      localAddress: '127.0.0.1',
      localPort: proxy.port,
      signal: new AbortController().signal,
      reject: () => refused++,
      accept: () => {
        peers.emit('answered')
        return once(peers, 'gone').then(() => assert.fail('the peer gave up'))
      },
    } as unknown as TcpForwardRequest
    for (let round = 1; round <= 2; round++) {
      const answered = once(peers, 'answered')
      const first = carrier.carry(request)
      await answered
      await carrier.carry(request)
      assert.equal(refused, round)
      peers.emit('gone')
      // Its place is free again.
      await first
    }
  })
})
