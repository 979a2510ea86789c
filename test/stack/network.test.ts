import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import { fromMs } from '../../src/base/types.ts'
import type { FaultOptions } from '../../src/link/fault-options.ts'
import type { Host } from '../../src/stack/host.ts'
import { Network, type NetworkLink, type NetworkOptions } from '../../src/stack/network.ts'
import { SERIES_HEADER, tcpSeries } from '../../src/stack/tcp-series.ts'
import type { TcpSocket } from '../../src/stack/tcp-socket.ts'
import { pattern } from '../link/frames.ts'

const LIMIT = fromMs(3_600_000)

/** Two hosts with `count` routers in a row between them. */
class Chain {
  readonly network: Network
  readonly a: Host
  readonly b: Host
  readonly routers: readonly Host[]
  readonly links: readonly NetworkLink[]

  constructor(mtus: readonly number[], faults: FaultOptions = {}, options: NetworkOptions = {}) {
    this.network = new Network(options)
    this.a = this.network.host('a')
    this.b = this.network.host('b')
    this.routers = mtus.slice(1).map((_, i) => this.network.router(`r${i + 1}`))
    const hops = [this.a, ...this.routers, this.b]
    this.links = mtus.map((mtu, i) =>
      this.network.link(hops[i]!, hops[i + 1]!, { delay: fromMs(1), ...faults }, { mtu }),
    )
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.network.runUntilSettled(promise, LIMIT)
  }

  outcome(promise: Promise<unknown>): Promise<unknown> {
    return this.run(promise.catch((error) => error.code))
  }

  get target(): string {
    return this.network.addressOf(this.b)
  }

  /** Sends `bytes` from a to b; true when they arrived as they were. */
  async transfer(bytes: Uint8Array): Promise<boolean> {
    const received = await this.run(carry(this.a, this.b, this.target, bytes))
    return Buffer.compare(received, bytes) === 0
  }
}

async function carry(from: Host, to: Host, host: string, bytes: Uint8Array): Promise<Buffer> {
  const listener = to.tcp.listen({ port: 80 })
  const [sent, taken] = await Promise.all([from.tcp.connect({ host, port: 80 }), listener.accept()])
  listener.close()
  const [received] = await Promise.all([readAll(taken), sent.write(bytes).then(() => sent.end())])
  taken.end()
  return received
}

async function readAll(socket: TcpSocket): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe('Network', () => {
  it('finds its ways across routers, there and back', async () => {
    const chain = new Chain([1500, 1500, 1500, 1500])
    await chain.run(chain.a.ping(chain.target))
    // Once the neighbours have found each other.
    const { ttl, rttUs } = await chain.run(chain.a.ping(chain.target))
    assert.deepEqual([ttl, rttUs], [64 - 3, 8000])
    assert.ok(await chain.transfer(pattern(300_000)))
  })

  it('counts down the time to live, and says where it ended (RFC 1812 §5.3.1)', async () => {
    const chain = new Chain([1500, 1500, 1500])
    for (const [ttl, router] of [
      [1, '10.0.0.2'],
      [2, '10.0.1.2'],
    ] as const) {
      const failure = await chain.run(chain.a.ping(chain.target, { ttl }).catch((error) => error))
      assert.match(String(failure), new RegExp(router.replaceAll('.', '\\.')))
    }
    assert.equal(chain.routers[0]!.stack.counters.get('ip-ttl-exceeded'), 1)
  })

  it('says what does not fit, so that TCP finds the path MTU (RFC 1191 §4)', async () => {
    const chain = new Chain([1500, 1400, 1000, 1500])
    assert.ok(await chain.transfer(pattern(200_000)))
    assert.deepEqual(
      chain.routers.map(({ stack }) => stack.counters.get('ip-too-big') > 0),
      [true, true, false],
    )
    assert.deepEqual(
      chain.links.map(({ counters }) => counters.send.oversized),
      [0, 0, 0, 0],
    )
  })

  it('cuts what may be cut, and cuts the pieces again (RFC 791 §3.2)', async () => {
    const chain = new Chain([1500, 700, 300, 1500])
    const { bytes } = await chain.run(chain.a.ping(chain.target, { size: 1400 }))
    assert.equal(bytes, 1400 + 8)
  })

  it('says that a network is unknown (RFC 1812 §5.2.7.1)', async () => {
    const chain = new Chain([1500, 1500])
    chain.a.stack.ip.routes.add({
      destination: { addr: 0xc0000200 as never, prefix: 24 },
      gateway: 0x0a000002 as never,
      iface: chain.a.stack.interfaces[1]!,
      metric: 0,
    })
    assert.equal(
      await chain.outcome(chain.a.tcp.connect({ host: '192.0.2.1', port: 80, connectTimeout: 5000 })),
      'ENETUNREACH',
    )
  })

  it('does not let a host pass on what is for others', async () => {
    const network = new Network()
    const [a, b, c] = [network.host('a'), network.host('b'), network.host('c')]
    network.link(a, b)
    const { addresses } = network.link(b, c)
    const attempt = a.ping(addresses[1], { timeout: 100 }).catch((error) => error.code)
    assert.equal(await network.runUntilSettled(attempt), 'ENETUNREACH')
  })

  it('takes a link down and up again while a transfer goes on', async () => {
    const chain = new Chain([1500, 1500], { rate: 10e6 })
    const link = chain.links[1]!
    chain.network.at(fromMs(200), () => link.configure({ down: true }))
    chain.network.at(fromMs(1200), () => link.configure({ delay: fromMs(3), rate: 10e6 }))
    assert.ok(await chain.transfer(pattern(1_000_000)))
    assert.ok(link.counters.send.lost > 0)
    assert.ok(chain.network.now > fromMs(1200))
  })

  it('chooses the first of two parallel ways, and reaches both addresses', async () => {
    const network = new Network()
    const [a, b] = [network.host('a'), network.host('b')]
    const links = [network.link(a, b, { delay: fromMs(1) }), network.link(a, b, { delay: fromMs(2) })]
    for (const [i, { addresses }] of links.entries()) {
      await network.runUntilSettled(a.ping(addresses[1]))
      const { rttUs } = await network.runUntilSettled(a.ping(addresses[1]))
      assert.equal(rttUs, 2000 * (i + 1))
    }
    assert.throws(() => network.addressOf(network.host('alone')), /alone: it has no link/)
  })

  it('is a pure function of its seed: captures and series of two runs are the same to the last bit', async () => {
    const run = async (seed: number) => {
      const hash = createHash('sha256')
      const lines: string[] = []
      const network = new Network({ seed })
      const a = network.host('a', { probe: tcpSeries((line) => lines.push(line)) })
      const [r, b] = [network.router('r'), network.host('b')]
      const faults = { rate: 20e6, delay: fromMs(5), jitter: fromMs(2), loss: 0.02, reorder: 0.01, burst: 3 }
      network.link(a, r, {}, { pcap: (chunk) => hash.update(chunk) })
      network.link(r, b, faults, { pcap: (chunk) => hash.update(chunk) })
      await network.runUntilSettled(carry(a, b, network.addressOf(b), pattern(400_000)))
      network.close()
      return { lines, digest: hash.digest('hex') }
    }
    const [first, again, other] = [await run(3), await run(3), await run(4)]
    assert.deepEqual(again, first)
    assert.notEqual(other.digest, first.digest)
    assert.equal(first.lines[0], `${SERIES_HEADER}\n`)
    assert.ok(first.lines.length > 100)
    for (const line of first.lines.slice(1))
      assert.match(line, /^\d+\.\d{6},a,1,\d+,\d*,\d+,(\d+\.\d{3})?,\d+\.\d{3}\n$/)
  })
})
