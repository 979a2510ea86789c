import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { type AnyTcpSocket, createStack, createStackWorker, openPacketLink } from '../../src/index.ts'
import { bellMemory } from '../../src/worker/bell.ts'
import { hostIn, startThread } from '../../src/worker/create-stack-worker.ts'
import { exchange, MIB } from '../real/exchange.ts'
import { KernelPeer } from '../real/kernel-peer.ts'
import { createLab, type Lab, labUnavailable, outputOf } from '../real/netns.ts'
import { Stream, StreamChecker } from '../real/stream.ts'
import { outcome } from './cases.ts'
import { OURS, PEER, threadWorld } from './worlds.ts'

const LIMIT = { timeout: 120_000 }
const INDEX = new URL('../../src/index.js', import.meta.url).href

/** Runs a script to its end; its stdout. */
const run = (script: string): Promise<string> =>
  outputOf(spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] }))

describe('the thread of createStackWorker', () => {
  it('keeps the process alive until it is closed, and no longer', LIMIT, async () => {
    const said = await run(`
      import { createStackWorker } from '${INDEX}'
      const stack = createStackWorker()
      setTimeout(async () => {
        console.log('alive')
        await stack.close()
        await stack.closed
        console.log('closed')
      }, 500).unref()`)
    assert.equal(said, 'alive\nclosed\n')
  })

  it('may be closed at once, and more than once', LIMIT, async () => {
    const stack = createStackWorker()
    const listening = outcome(stack.tcp.listen({ port: 80 }))
    await Promise.all([stack.close(), stack.close()])
    assert.equal(await listening, '[object Object]')
    assert.match(await outcome(stack.tcp.listen({ port: 80 })), /the stack is closed \(ERR_CLOSED\)/)
  })

  it('tells what it died of', LIMIT, async () => {
    const bells = { up: bellMemory(), down: bellMemory() }
    const code = `require('node:worker_threads').parentPort.once('message', () => { throw new TypeError('boom') })`
    const stack = hostIn(new Worker(code, { eval: true }), bells)
    const text = 'Cannot listen: the thread of the stack has ended: TypeError: boom'
    for (let i = 0; i < 2; i++) {
      assert.equal(
        await outcome(stack.tcp.listen({ port: 80 })),
        `NetError: ${text} (ERR_WORKER) {"code":"ERR_WORKER","syscall":"listen"}`,
      )
    }
    await assert.rejects(stack.closed, (error: Error) => (error.cause as Error).message === 'boom')
    await stack.close()
  })

  it('fails what waits when it is terminated', LIMIT, async () => {
    const bells = { up: bellMemory(), down: bellMemory() }
    const thread = startThread({ bells, options: {} })
    const stack = hostIn(thread, bells)
    const listener = await stack.tcp.listen({ port: 80 })
    const accepting = outcome(listener.accept())
    await thread.terminate()
    assert.match(await accepting, /Cannot accept: the thread of the stack has ended with status 1 \(ERR_WORKER\)/)
  })

  it('takes rings of a size that is one', () => {
    for (const ringSize of [0, 1000, 65_536, 200_000, 2 ** 31, Number.NaN]) {
      assert.throws(() => createStackWorker({ ringSize }), /must be a power of two from 131072 to 1073741824/)
    }
  })

  it('says as openPacketLink does why a link cannot be opened', { ...LIMIT, skip: labUnavailable() }, async () => {
    const stack = createStackWorker()
    const opening = stack.addInterface({ kind: 'packet', interface: 'none0' }, { address: '10.0.0.1/24' })
    const right = await outcome((async () => openPacketLink({ interface: 'none0' }))())
    assert.match(right, /No interface is called "none0"\. There are: lo.*ENODEV/)
    assert.equal(await outcome(opening), right)
    const kind = await outcome(stack.addInterface({ kind: 'tape' } as never, { address: '10.0.0.1/24' }))
    assert.match(kind, /^TypeError: Cannot open a link of kind "tape"/)
    await stack.close()
  })
})

describe('1,000 connections of createStackWorker at once', { skip: labUnavailable() }, () => {
  it('each have their own bytes', LIMIT, async () => {
    const { stack, peer, close } = await threadWorld()
    const listener = peer.tcp.listen({ port: 80, backlog: 1000 })
    const serving = (async () => {
      for (let i = 0; i < 1000; i++) void echo(await listener.accept())
    })()
    const wrong = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const socket = await stack.tcp.connect({ host: PEER, port: 80 })
        const reading = check(socket, i)
        await pour(socket, i)
        return await reading
      }),
    )
    await serving
    assert.deepEqual(wrong, Array(1000).fill('5000 -1'))
    await close()
  })

  async function echo(socket: AnyTcpSocket): Promise<void> {
    for await (const chunk of socket) await socket.write(chunk)
    socket.end()
  }

  async function pour(socket: AnyTcpSocket, seed: number): Promise<void> {
    await socket.write(new Stream(seed).at(0, 5000).slice())
    socket.end()
  }

  async function check(socket: AnyTcpSocket, seed: number): Promise<string> {
    const checker = new StreamChecker(seed)
    for await (const chunk of socket) checker.take(chunk)
    return `${checker.received} ${checker.wrongAt}`
  }
})

describe('createStackWorker beside a kernel', { skip: labUnavailable() }, () => {
  let lab: Lab
  let peer: KernelPeer
  let description: { kind: 'packet'; interface: string; netns: string; addresses: string[] }
  const address = `${OURS}/24`
  before(() => {
    lab = createLab({ hosts: ['ours', 'kernel'] })
    const name = lab.veth('ours', 'kernel', { kernel: `${PEER}/24` })
    description = { kind: 'packet', interface: name, netns: lab.host('ours').netns, addresses: [address] }
    peer = new KernelPeer(lab.host('kernel'), PEER)
  })
  after(() => lab.close())

  it('carries 64 MiB each way, every byte compared, made by either side', LIMIT, async () => {
    const stack = createStackWorker()
    await stack.addInterface(description, { address })
    const server = await peer.listen({ send: 64 * MIB, end: 'first' })
    const listener = await stack.tcp.listen({ port: 0 })
    const theirs = peer.connect(OURS, listener.localPort, { send: 64 * MIB, end: 'last' })
    const sockets = [await stack.tcp.connect({ host: PEER, port: server.port }), await listener.accept()]
    const ends = ['last', 'first'] as const
    const checkers = await Promise.all(sockets.map((socket, i) => exchange(socket, { send: 64 * MIB, end: ends[i]! })))
    for (const { received, wrongAt } of checkers) assert.deepEqual([received, wrongAt], [64 * MIB, -1])
    for (const { received, wrongAt, errors } of [await server.report(), await theirs]) {
      assert.deepEqual([received, wrongAt, errors], [64 * MIB, -1, []])
    }
    await stack.close()
  })

  /** A server of the kernel that answers the first bytes with 100,000 of its own. */
  const GIVER = `
    require('net').createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.write(Buffer.alloc(100_000, 'answer. ')))
    }).listen(+process.argv[1], '${PEER}', () => console.log('ready'))`

  /** What the kernel says of its connections at a port: asked without a turn of this thread's event loop. */
  const seenByKernel = (port: number): { received: number; acknowledged: number } => {
    const text = lab.host('kernel').run('ss', '-tinH', 'state', 'established', `( sport = :${port} )`)
    const figure = (name: string): number => Number(new RegExp(`\\b${name}:(\\d+)`).exec(text)?.[1] ?? 0)
    return { received: figure('bytes_received'), acknowledged: figure('bytes_acked') }
  }

  it('answers its peers while its user does something else for two seconds', LIMIT, async () => {
    await lab.host('kernel').start(GIVER, '7000')
    const stack = createStackWorker()
    await stack.addInterface(description, { address })
    const socket = await stack.tcp.connect({ host: PEER, port: 7000 })
    await socket.write('go')
    // From here on, this thread's event loop stands still.
    const begin = performance.now()
    let seen = seenByKernel(7000)
    const isDone = (): boolean => seen.received >= 2 && seen.acknowledged >= 100_000
    while (performance.now() < begin + 2000 || (!isDone() && performance.now() < begin + 60_000)) {
      seen = seenByKernel(7000)
    }
    assert.ok(isDone(), `the kernel received ${seen.received} bytes and had ${seen.acknowledged} acknowledged`)
    let count = 0
    while (count < 100_000) count += (await socket.read())!.length
    assert.equal(count, 100_000)
    await stack.close()
  })

  it('which a stack in the same thread cannot', LIMIT, async () => {
    await lab.host('kernel').start(GIVER, '7001')
    const stack = createStack()
    stack.addInterface(openPacketLink(description), { address })
    const socket = await stack.tcp.connect({ host: PEER, port: 7001 })
    await socket.write('go')
    for (let i = 0; i < 10; i++) assert.equal(seenByKernel(7001).received, 0)
    stack.close()
  })

  it('tells that an interface is gone, and ends what went over it', LIMIT, async () => {
    const stack = createStackWorker()
    const first = await stack.addInterface(description, { address })
    const interfaceName = lab.veth('ours', 'kernel', { kernel: '10.1.0.2/24' })
    const second = await stack.addInterface(
      { ...description, interface: interfaceName, addresses: ['10.1.0.1/24'] },
      { address: '10.1.0.1/24', name: 'second' },
    )
    assert.deepEqual([second.name, second.mtu, second.addresses], ['second', 1500, ['10.1.0.1/24']])
    const told = new Promise<string>((resolve) => {
      stack.onInterfaceError = (iface, { code }) => code === 'ENODEV' && resolve(iface.name)
    })
    lab.host('ours').ip('link', 'delete', interfaceName)
    assert.equal(await told, 'second')
    const server = await peer.listen({ send: 0, end: 'last' })
    const socket = await stack.tcp.connect({ host: PEER, port: server.port })
    const closed = outcome(socket.closed)
    await stack.removeInterface(first)
    assert.match(await closed, /the interface it used is gone, and no other leads there \(ENODEV\)/)
    await stack.close()
  })
})
