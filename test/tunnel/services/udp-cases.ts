import assert from 'node:assert/strict'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { describe, it } from 'node:test'
import { Hosts } from '../../../src/tunnel/services/hosts.ts'
import { UdpForward } from '../../../src/tunnel/services/udp-forward.ts'
import type { MakePair } from './memory-session.ts'
import { until, World } from './world.ts'

const LISTEN = { name: 'dns', type: 'udp', listen: '127.0.0.1:0' } as const

/** What datagrams through the tunnel must be, whatever the session. */
export function udpCases(makePair: MakePair): void {
  const run = (body: (world: World) => Promise<void>) => (): Promise<void> => World.run(makePair, body)
  const backendAt = (connect: string) => ({ name: 'dns', type: 'udp', connect }) as const

  const bound = async (world: World, address = '127.0.0.1'): Promise<Socket> => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    socket.bind(0, address)
    await once(socket, 'listening')
    world.onEnd(() => socket.close())
    return socket
  }

  /** A socket that sends everything back, and where it is. */
  const echoing = async (world: World): Promise<string> => {
    const socket = await bound(world)
    socket.on('message', (bytes, { port, address }: RemoteInfo) => socket.send(bytes, port, address))
    return `127.0.0.1:${socket.address().port}`
  }

  /** Sends until an answer comes: a datagram may be lost. */
  const ask = async (socket: Socket, to: string, bytes: Uint8Array): Promise<Buffer> => {
    const [, address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(to)!
    const answer = once(socket, 'message') as Promise<[Buffer]>
    const again = setInterval(() => socket.send(bytes, Number(port), address), 300)
    socket.send(bytes, Number(port), address)
    try {
      return (await answer)[0]
    } finally {
      clearInterval(again)
    }
  }

  const listening = (world: World): string => world.asking.status()[0]!.listening!

  describe('datagrams through the tunnel', () => {
    it(
      'come back to the source they belong to, and are counted',
      run(async (world) => {
        await world.open([LISTEN], [backendAt(await echoing(world))])
        const sockets = await Promise.all(Array.from({ length: 40 }, () => bound(world)))
        const answers = await Promise.all(
          sockets.map((socket, i) => ask(socket, listening(world), Buffer.from(`source ${i}`))),
        )
        assert.deepEqual(
          answers.map((answer) => answer.toString()),
          sockets.map((_, i) => `source ${i}`),
        )
        for (const { open, total, bytesIn, bytesOut } of [world.asking.status()[0]!, world.answering.status()[0]!]) {
          assert.deepEqual([open, total], [40, 40])
          assert.ok(bytesIn >= 350 && bytesOut >= 350)
        }
      }),
    )

    it(
      'may be empty, and as long as IPv4 can carry',
      run(async (world) => {
        await world.open([LISTEN], [backendAt(await echoing(world))])
        const socket = await bound(world)
        assert.equal((await ask(socket, listening(world), Buffer.alloc(0))).length, 0)
        const longest = Buffer.alloc(65_507, 7)
        assert.deepEqual(await ask(socket, listening(world), longest), longest)
      }),
    )

    it(
      'that are more than the rate allows are dropped, and counted',
      run(async (world) => {
        await world.open([{ ...LISTEN, rate: 8000 }], [backendAt(await echoing(world))])
        const socket = await bound(world)
        const [, address, port] = /^(.*):(\d+)$/.exec(listening(world))!
        const began = performance.now()
        const again = setInterval(() => socket.send(Buffer.alloc(2000), Number(port), address), 1)
        world.onEnd(() => clearInterval(again))
        const status = () => world.asking.status()[0]!
        await until(() => (status().dropped['rate'] ?? 0) > 10)
        // A thousand octets a second; 64 KiB are saved up at first, and the last one may be owed.
        assert.ok(status().bytesIn <= 65_536 + 2000 + performance.now() - began, `${status().bytesIn}`)
      }),
    )

    const hasIpv6 = Object.values(networkInterfaces()).some((all) => all!.some(({ address }) => address === '::1'))
    it(
      'that are longer are dropped, and counted',
      { skip: hasIpv6 ? false : 'this machine has no ::1' },
      run(async (world) => {
        await world.open([{ ...LISTEN, listen: '[::1]:0' }], [backendAt(await echoing(world))])
        const socket = await bound(world, '::1')
        const { port } = new URL(`udp://${listening(world)}`)
        const tooLong = setInterval(() => socket.send(Buffer.alloc(65_527), Number(port), '::1'), 50)
        await until(() => (world.asking.status()[0]!.dropped['too-long'] ?? 0) > 0)
        clearInterval(tooLong)
        assert.equal((await ask(socket, listening(world), Buffer.from('x'))).toString(), 'x')
      }),
    )

    it(
      'of a source that says nothing for a while begin anew',
      run(async (world) => {
        await world.open([{ ...LISTEN, idle: 20 }], [backendAt(await echoing(world))])
        const socket = await bound(world)
        await ask(socket, listening(world), Buffer.from('x'))
        await until(() => world.asking.status()[0]!.open === 0 && world.answering.status()[0]!.open === 0)
        assert.deepEqual(world.answering.status()[0]!.errors, {})
        assert.equal((await ask(socket, listening(world), Buffer.from('y'))).toString(), 'y')
        assert.ok(world.asking.status()[0]!.total >= 2)
      }),
    )

    it(
      'are forgotten beyond as well when they end there first',
      run(async (world) => {
        await world.open([LISTEN], [{ ...backendAt(await echoing(world)), idle: 20 }])
        await ask(await bound(world), listening(world), Buffer.from('x'))
        await until(() => world.asking.status()[0]!.open === 0 && world.answering.status()[0]!.open === 0)
      }),
    )

    it(
      'of the source that was silent longest give way to a new one',
      run(async (world) => {
        await world.open([{ ...LISTEN, maxFlows: 2 }], [backendAt(await echoing(world))])
        const [first, second, third] = [await bound(world), await bound(world), await bound(world)]
        await ask(first, listening(world), Buffer.from('1'))
        await ask(second, listening(world), Buffer.from('2'))
        await ask(first, listening(world), Buffer.from('3'))
        await ask(third, listening(world), Buffer.from('4'))
        const { open, total, errors } = world.asking.status()[0]!
        assert.deepEqual({ open, total, errors }, { open: 2, total: 3, errors: { LIMIT: 1 } })
        await ask(first, listening(world), Buffer.from('5'))
        assert.equal(world.asking.status()[0]!.total, 3)
      }),
    )

    it(
      'to a port where nobody listens close their flow',
      run(async (world) => {
        const gone = createSocket('udp4')
        gone.bind(0, '127.0.0.1')
        await once(gone, 'listening')
        const { port } = gone.address()
        await new Promise<void>((resolve) => gone.close(() => resolve()))
        await world.open([LISTEN], [backendAt(`127.0.0.1:${port}`)])
        const socket = await bound(world)
        const to = new URL(`udp://${listening(world)}`)
        const again = setInterval(() => socket.send('x', Number(to.port), to.hostname), 10)
        await until(() => (world.asking.status()[0]!.errors['REFUSED'] ?? 0) > 0)
        clearInterval(again)
        assert.ok(world.answering.status()[0]!.errors['REFUSED']! > 0)
      }),
    )

    it(
      'go where the opener chooses, if the rules allow it',
      run(async (world) => {
        const target = await echoing(world)
        await world.open(
          [
            { ...LISTEN, target },
            { ...LISTEN, name: 'other', target: '127.0.0.2:53' },
          ],
          [
            { name: 'dns', type: 'udp', allow: [target] },
            { name: 'other', type: 'udp', allow: [target] },
          ],
        )
        const socket = await bound(world)
        assert.equal((await ask(socket, listening(world), Buffer.from('x'))).toString(), 'x')
        const to = new URL(`udp://${world.asking.status()[1]!.listening}`)
        const again = setInterval(() => socket.send('x', Number(to.port), to.hostname), 10)
        await until(() => (world.asking.status()[1]!.errors['FORBIDDEN'] ?? 0) > 0)
        clearInterval(again)
        assert.ok(world.answering.status()[1]!.refused > 0)
      }),
    )

    it(
      'are not for a service of streams, nor streams for one of datagrams',
      run(async (world) => {
        const backend = await echoing(world)
        await world.open(
          [LISTEN],
          [
            { name: 'dns', type: 'tcp', connect: backend },
            { ...backendAt(backend), name: 'udp' },
          ],
        )
        const stream = world.pair.asking.openStream({ service: 'udp', target: '', source: '' })
        assert.equal(await new Promise((resolve) => (stream.events = { onReset: resolve })), 4)
        const flow = world.pair.asking.openFlow({ service: 'dns', target: '', source: '' })
        assert.equal(await new Promise((resolve) => (flow.events = { onClosed: resolve })), 4)
      }),
    )

    it(
      'have nowhere to go without a session',
      run(async (world) => {
        await world.open([LISTEN], [])
        world.asking.detach(world.pair.asking)
        const socket = await bound(world)
        const to = new URL(`udp://${listening(world)}`)
        const again = setInterval(() => socket.send('x', Number(to.port), to.hostname), 10)
        await until(() => (world.asking.status()[0]!.dropped['no-session'] ?? 0) > 0)
        clearInterval(again)
      }),
    )
  })

  describe('UdpForward', () => {
    it(
      'says why it cannot listen',
      run(async (world) => {
        const taken = await bound(world)
        const open = (listen: string) => UdpForward.open({ name: 'dns', listen }, new Hosts())
        await assert.rejects(open(`127.0.0.1:${taken.address().port}`), { code: 'EADDRINUSE' })
        await assert.rejects(open('192.0.2.1:0'), { code: 'EADDRNOTAVAIL' })
        await assert.rejects(open('unix:/x'), { code: 'EINVAL', message: /"listen" of the service "dns"/ })
      }),
    )
  })
}
