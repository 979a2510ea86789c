import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { seededRng } from '../../src/base/rng.ts'
import { Cable } from '../../src/link/cable.ts'
import { Host } from '../../src/stack/host.ts'
import type { TcpForwardOptions, TcpForwardRequest } from '../../src/stack/tcp-forward.ts'
import { anyAddressWorld } from './any-address.ts'

/** A world where what comes is kept for the test to decide about. */
function gathering(options?: TcpForwardOptions) {
  const requests: TcpForwardRequest[] = []
  const all = anyAddressWorld()
  const forward = all.stack.tcp.forward((request) => void requests.push(request), options)
  return { ...all, requests, forward }
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

const fails = async (promise: Promise<unknown>): Promise<unknown> => {
  try {
    await promise
  } catch (error) {
    return codeOf(error)
  }
  return 'nothing'
}

/** A handler that throws; the peer's word comes before the process ends of it. */
const MISTAKE = `
import { Cable, Host, seededRng, simulate } from '${new URL('../../src/index.js', import.meta.url)}'
const cable = new Cable({ medium: 'ip' })
const [client, stack] = [1, 2].map((seed) => new Host({ rng: seededRng(seed) }))
client.addInterface(cable.a, { address: '10.0.0.1/24', gateway: '10.0.0.2' })
stack.addInterface(cable.b, { address: '10.0.0.2/24', anyAddress: true })
stack.tcp.forward(() => { throw new Error('a mistake') })
process.once('unhandledRejection', (error) => {
  simulate([client.stack, stack.stack], 2_000_000)
  setImmediate(() => { throw error })
})
client.tcp.connect({ host: '1.2.3.4', port: 80 }).catch((error) => console.log(error.code))
simulate([client.stack, stack.stack], 1_000_000)
`

describe('tcp.forward()', () => {
  it('gives a connection whose local end is where the peer wanted to go, and carries both ways to the end', async () => {
    const { client, stack, run } = anyAddressWorld()
    const forward = stack.tcp.forward(async (request) => {
      assert.deepEqual(
        [request.localAddress, request.localPort, request.remoteAddress],
        ['93.184.216.34', 8080, '10.0.0.1'],
      )
      const socket = await request.accept()
      assert.equal(socket.localAddress, '93.184.216.34')
      assert.equal(socket.localPort, 8080)
      assert.equal(socket.remotePort, request.remotePort)
      for await (const chunk of socket) await socket.write(chunk)
      socket.end()
    })
    const socket = await run(client.tcp.connect({ host: '93.184.216.34', port: 8080 }))
    await run(socket.write('hello'))
    socket.end()
    let text = ''
    const decoder = new TextDecoder()
    for (let chunk = await run(socket.read()); chunk !== null; chunk = await run(socket.read())) {
      text += decoder.decode(chunk)
    }
    assert.equal(text, 'hello')
    await run(socket.closed)
    assert.equal(forward.stats.accepted, 1)
    assert.equal(forward.pending, 0)
  })

  it('leaves to listeners what is theirs', async () => {
    const { client, stack, run, requests } = gathering()
    const listener = stack.tcp.listen({ port: 80 })
    const socket = await run(client.tcp.connect({ host: '1.2.3.4', port: 80 }))
    assert.equal((await run(listener.accept())).localAddress, '1.2.3.4')
    assert.equal(requests.length, 0)
    socket.abort()
  })

  it('refuses by a reset, by ICMP, or by silence', async () => {
    const { client, run, requests, pass, forward } = gathering()
    const connect = (): Promise<unknown> =>
      fails(client.tcp.connect({ host: '1.2.3.4', port: 80, connectTimeout: 5000 }))
    for (const [how, code] of [
      ['reset', 'ECONNREFUSED'],
      ['unreachable', 'EHOSTUNREACH'],
      ['ignore', 'ETIMEDOUT'],
    ] as const) {
      const attempt = connect()
      await pass(10)
      const request = requests.pop()!
      request.reject(how)
      request.reject('reset')
      assert.equal(request.isPending, false)
      assert.equal(await run(attempt), code)
    }
    assert.equal(forward.stats.refused, 3)
  })

  it('waits for a decision that takes its time; SYNs sent again ask nothing new', async () => {
    const { client, run, requests, pass, forward } = gathering()
    const attempt = client.tcp.connect({ host: '1.2.3.4', port: 80 })
    await pass(8000)
    assert.equal(requests.length, 1)
    assert.equal(forward.stats.repeats, 3)
    assert.equal(forward.pending, 1)
    const accepted = requests[0]!.accept()
    const socket = await run(attempt)
    const served = await run(accepted)
    assert.equal(served.remotePort, socket.localPort)
    // The latest SYN, sent after 7 s, is the one that is answered: its timestamp gives the round trip.
    assert.equal(Math.round(socket.info().rtt / 100), 10)
    assert.equal(forward.pending, 0)
  })

  it('refuses what nobody decides, and says so to whoever decides too late', async () => {
    const { client, run, requests, forward, simulation } = gathering({ timeout: 2000 })
    assert.equal(await run(fails(client.tcp.connect({ host: '1.2.3.4', port: 80 }))), 'ECONNREFUSED')
    assert.ok(simulation.now < 2_100_000)
    const request = requests[0]!
    assert.equal(request.signal.aborted, true)
    assert.equal(codeOf(request.signal.reason), 'ETIMEDOUT')
    assert.equal(await fails(request.accept()), 'ETIMEDOUT')
    assert.equal(forward.stats.expired, 1)
  })

  it('tells whoever accepts that the peer went away meanwhile', async () => {
    const { client, run, requests, pass, forward } = gathering()
    const controller = new AbortController()
    const attempt = fails(client.tcp.connect({ host: '1.2.3.4', port: 80, signal: controller.signal }))
    await pass(10)
    controller.abort()
    await pass(10)
    assert.equal(await attempt, 'ABORT_ERR')
    // An abort in SYN-SENT sends nothing (RFC 9293 §3.10.5): the request stands, and the SYN,ACK is reset.
    assert.equal(requests[0]!.isPending, true)
    assert.equal(await run(fails(requests[0]!.accept())), 'ECONNABORTED')
    assert.equal(forward.pending, 0)
    assert.equal(await fails(requests[0]!.accept()), 'EINVAL')
  })

  it('remembers no more than its bound under thousands of SYNs, and serves those dropped when they come again', async () => {
    const { client, stack, requests, pass, forward } = gathering({ pending: 100 })
    const attempts = Array.from({ length: 3000 }, (_, i) =>
      client.tcp.connect({ host: `20.0.${i >> 8}.${i & 255}`, port: 80 }),
    )
    for (const attempt of attempts) attempt.catch(() => undefined)
    await pass(10)
    assert.equal(requests.length, 100)
    assert.equal(forward.pending, 100)
    assert.equal(forward.stats.overflows, 2900)
    assert.equal(stack.stack.counters.get('tcp-forward-overflow'), 2900)
    // Half-open ones count as well: the bound is of what strangers can make us remember.
    for (const request of requests.splice(0)) void request.accept()
    assert.equal(forward.pending, 100)
    await pass(10)
    assert.equal(forward.pending, 0)
    await pass(1100)
    assert.equal(requests.length, 100)
    for (const request of requests) void request.accept()
    await pass(10)
    assert.equal(forward.stats.accepted, 200)
    client.close()
  })

  it('refuses what its handler throws at, and does not hide the error', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', MISTAKE], {
      encoding: 'utf8',
    })
    assert.equal(stdout, 'ECONNREFUSED\n')
    assert.match(stderr, /Error: a mistake/)
    assert.notEqual(status, 0)
  })

  it('refuses what is undecided when it is closed; connections live on, and another may follow', async () => {
    const { client, stack, run, requests, pass, forward } = gathering()
    const open = client.tcp.connect({ host: '1.2.3.4', port: 80 })
    await pass(10)
    const accepted = requests[0]!.accept()
    const socket = await run(open)
    const served = await run(accepted)
    const waiting = fails(client.tcp.connect({ host: '1.2.3.4', port: 81 }))
    await pass(10)
    assert.throws(() => stack.tcp.forward(() => undefined), { code: 'EADDRINUSE' })
    forward.close()
    assert.equal(await run(waiting), 'ECONNREFUSED')
    assert.equal(codeOf(requests[1]!.signal.reason), 'ERR_CLOSED')
    await run(served.write('still here'))
    assert.equal(new TextDecoder().decode((await run(socket.read()))!), 'still here')
    stack.tcp.forward((request) => request.reject())
    stack.close()
    assert.throws(() => stack.tcp.forward(() => undefined), { code: 'ERR_CLOSED' })
  })

  it('takes the same ends again after TIME-WAIT, by the rules of RFC 6191', async () => {
    const { client, stack, run } = anyAddressWorld()
    let count = 0
    stack.tcp.forward(async (request) => {
      count++
      const socket = await request.accept()
      await socket.close()
    })
    for (let i = 0; i < 3; i++) {
      const socket = await run(client.tcp.connect({ host: '1.2.3.4', port: 80, localPort: 5555 }))
      assert.equal(await run(socket.read()), null)
      await run(socket.close())
    }
    assert.equal(count, 3)
  })

  it('answers segments for no connection with a reset in the name of where they went', async () => {
    const { client, stack, run, pass } = anyAddressWorld()
    stack.tcp.forward(async (request) => void (await request.accept()).abort())
    const socket = await run(client.tcp.connect({ host: '1.2.3.4', port: 80 }))
    await pass(10)
    assert.equal(await run(fails(socket.read())), 'ECONNRESET')
  })

  it('ends its connections when the interface is gone, and not when another is', async () => {
    const { client, stack, run, requests, pass } = gathering()
    const other = stack.addInterface(new Cable().a, { address: '192.168.7.1/24' })
    const open = client.tcp.connect({ host: '1.2.3.4', port: 80 })
    await pass(10)
    const accepted = requests[0]!.accept()
    const socket = await run(open)
    const served = await run(accepted)
    stack.stack.removeInterface(other)
    await run(served.write('on'))
    assert.equal(new TextDecoder().decode((await run(socket.read()))!), 'on')
    stack.stack.removeInterface(stack.stack.interfaces[1]!)
    assert.equal(await run(fails(served.read())), 'ENODEV')
  })
})

describe('an interface with anyAddress', () => {
  it('refuses every port while nobody forwards', async () => {
    const { client, run } = anyAddressWorld()
    assert.equal(await run(fails(client.tcp.connect({ host: '1.2.3.4', port: 80 }))), 'ECONNREFUSED')
  })

  it('answers pings to anybody, or leaves them', async () => {
    const answering = anyAddressWorld()
    assert.equal((await answering.run(answering.client.ping('9.9.9.9'))).from, '9.9.9.9')
    const silent = anyAddressWorld({ anyEcho: false })
    assert.equal((await silent.run(silent.client.ping('10.0.0.2'))).from, '10.0.0.2')
    assert.equal(await silent.run(fails(silent.client.ping('9.9.9.9', { timeout: 1000 }))), 'ETIMEDOUT')
    assert.equal(silent.stack.stack.counters.get('icmp-foreign-echo'), 1)
  })

  it('takes no multicast, broadcast or reserved address for one host', async () => {
    const { client, stack, pass } = anyAddressWorld()
    const flows: string[] = []
    stack.udp.forward((flow) => void flows.push(flow.localAddress))
    const socket = client.udp.open({ broadcast: true })
    for (const address of ['255.255.255.255', '10.0.0.255', '224.0.0.251', '1.1.1.1']) {
      await socket.send(Uint8Array.of(1), address, 53)
    }
    await pass(10)
    assert.deepEqual(flows, ['1.1.1.1'])
  })

  it('cannot be the address of a kernel as well', () => {
    const host = new Host({ rng: seededRng(1) })
    assert.throws(() => host.addInterface(new Cable().a, { address: '10.0.0.1/24', anyAddress: true, shared: true }), {
      name: 'RangeError',
    })
  })
})
