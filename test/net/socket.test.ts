import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { ADDRCONFIG, type LookupOptions } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { describe, it } from 'node:test'
import { fromMs } from '../../src/base/types.ts'
import type { CableOptions } from '../../src/link/cable.ts'
import { createNet } from '../../src/net/index.ts'
import { hosts } from '../stack/net.ts'
import { once, sleep, stacks } from './worlds.ts'

const LIMIT = { timeout: 20_000 }
const WORLDS = new URL('./worlds.js', import.meta.url).href
const DGRAM = new URL('../../src/net/dgram.js', import.meta.url).href

/** Runs a program with two stacks on a cable; how it ended, and what it printed. */
function run(program: string, cable: CableOptions = {}): { status: number | null; stdout: string } {
  const world = `const { netA, netB, a, b } = stacks(${JSON.stringify(cable)})`
  const text = `import { stacks, once } from ${JSON.stringify(WORLDS)}\n${world}\n${program}`
  const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', text], {
    encoding: 'utf8',
    timeout: 10_000,
  })
  return { status, stdout }
}

/** A lookup that finds these addresses. */
const finding =
  (...addresses: readonly string[]): LookupFunction =>
  (_name, _options, found) =>
    found(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )

describe('An open socket or server', () => {
  it('keeps the process alive, an idle connection as well', LIMIT, () => {
    const idle = `
      const server = netB.createServer().listen(80)
      server.unref()
      const client = netA.connect(80, '10.0.0.2')
      client.on('connect', () => setTimeout(() => { console.log('alive'); process.exit() }, 200).unref())`
    assert.deepEqual(run(idle), { status: 0, stdout: 'alive\n' })
    const server = `
      netB.createServer().listen(80)
      setTimeout(() => { console.log('alive'); process.exit() }, 200).unref()`
    assert.deepEqual(run(server), { status: 0, stdout: 'alive\n' })
  })

  it('does not after unref', LIMIT, () => {
    const program = `
      const server = netB.createServer((socket) => socket.unref()).listen(80)
      server.unref()
      netA.connect(80, '10.0.0.2', function () { console.log('connected'); this.unref() })`
    assert.deepEqual(run(program), { status: 0, stdout: 'connected\n' })
  })

  it('does not once all are closed', LIMIT, () => {
    const program = `
      const server = netB.createServer((socket) => socket.resetAndDestroy()).listen(80)
      const client = netA.connect(80, '10.0.0.2').on('error', () => server.close(() => console.log('closed')))`
    assert.deepEqual(run(program), { status: 0, stdout: 'closed\n' })
  })
})

describe('Pieces that are written as one', () => {
  it('go at once, also where the last of them is empty', LIMIT, async () => {
    for (const pieces of [
      ['a', 'b'],
      ['a', ''],
      ['', 'a'],
      ['a', '', 'b', ''],
    ]) {
      const { a, b, simulation } = hosts()
      const server = createNet(b).createServer().listen(80)
      const client = createNet(a).connect(80, '10.0.0.2')
      let now = 0
      const pass = async (ms: number): Promise<void> => {
        for (const until = now + ms; now < until; now++) {
          simulation.run(fromMs(now))
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      let seen = ''
      server.on('connection', (socket) => socket.on('data', (chunk) => (seen += chunk)))
      await pass(20)
      client.cork()
      for (const piece of pieces) client.write(piece)
      client.uncork()
      // Of virtual time: a segment that is held back waits for a tenth of a second at least.
      await pass(20)
      a.close()
      b.close()
      assert.equal(seen, pieces.join(''))
    }
  })
})

describe('A stack that is closed', () => {
  it('destroys its sockets without an error, paused ones too, and closes its servers', LIMIT, async () => {
    const { a, b, netA, netB } = stacks()
    const server = netB.createServer().listen(80)
    await once(server, 'listening')
    const [client, paused] = [netA.connect(80, '10.0.0.2'), netA.connect(80, '10.0.0.2')]
    paused.pause()
    await Promise.all([once(client, 'connect'), once(paused, 'connect')])
    const closed = Promise.all([client, paused, server].map((each) => once(each, 'close')))
    a.close()
    await Promise.all([client, paused].map((each) => once(each, 'close')))
    b.close()
    assert.deepEqual(await closed, [[false], [false], []])
    assert.equal(server.listening, false)
  })

  it('lets the first of several attempts fail, and makes no other', LIMIT, async () => {
    const { a, netA } = stacks()
    const waiting = netA.connect({ port: 80, host: 'a.name', lookup: finding('10.0.0.77', '10.0.0.2') })
    await sleep(5)
    a.close()
    const [error] = (await once(waiting, 'error')) as [AggregateError]
    assert.deepEqual(error.errors.map(String), ['Error: connect ECONNABORTED 10.0.0.77:80'])
    assert.deepEqual(waiting.autoSelectFamilyAttemptedAddresses, ['10.0.0.77:80'])
  })

  it('lets an attempt to connect fail, and every one after', LIMIT, async () => {
    const { a, netA } = stacks()
    const waiting = netA.connect(80, '10.0.0.77')
    await sleep(5)
    a.close()
    assert.equal((await once(waiting, 'error'))[0] instanceof Error, true)
    const late = netA.connect(80, '10.0.0.2')
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException]
    assert.match(error.message, /^connect ENETDOWN 10\.0\.0\.2:80/)
    const server = netA.createServer().listen(80)
    assert.match(((await once(server, 'error')) as [Error])[0].message, /^listen ENETDOWN/)
  })
})

describe('What a listener throws', () => {
  it('comes out, and holds up neither the rest of the data nor others', LIMIT, () => {
    const program = `
      process.on('uncaughtException', (error) => {
        console.log(error.message)
        client.write('second')
      })
      const server = netB.createServer((socket) => {
        let isFirst = true
        socket.on('data', (data) => {
          if (isFirst) { isFirst = false; throw new Error('thrown ' + data.length) }
          socket.end(data)
        })
      }).listen(80)
      const client = netA.connect(80, '10.0.0.2', () => client.write('first'))
      client.on('data', (data) => console.log(String(data))).on('close', () => process.exit())`
    assert.deepEqual(run(program), { status: 0, stdout: 'thrown 5\nsecond\n' })
  })

  it('is heard of whoever else throws at the same time', LIMIT, () => {
    const program = `
      const seen = []
      process.on('uncaughtException', (error) => {
        seen.push(error.message)
        if (seen.length === 6) { console.log(seen.sort().join()); process.exit() }
      })
      const sockets = []
      netB.createServer((socket) => {
        sockets.push(socket)
        if (sockets.length === 6) for (const each of sockets) each.write('x')
      }).listen(80)
      for (let i = 0; i < 6; i++) netA.connect(80, '10.0.0.2').on('data', () => { throw new Error('t' + i) })`
    assert.deepEqual(run(program), { status: 0, stdout: 't0,t1,t2,t3,t4,t5\n' })
  })

  it('keeps no datagram from those who wait for it', LIMIT, () => {
    const program = `
      const { createDgram } = await import(${JSON.stringify(DGRAM)})
      const errors = []
      process.on('uncaughtException', (error) => errors.push(error.message))
      const [here, there] = [a, b].map((host) => createDgram(host).createSocket('udp4'))
      let count = 0
      there.on('message', (text) => {
        if (++count === 20) setTimeout(() => { console.log(errors.join()); process.exit() }, 50)
        if (text % 10 === 1) throw new Error(String(text))
      })
      there.bind(6000, '10.0.0.2', () => { for (let i = 0; i < 20; i++) here.send(String(i), 6000, '10.0.0.2') })`
    assert.deepEqual(run(program), { status: 0, stdout: '1,11\n' })
  })

  it('does not hide the end that came with the data', LIMIT, () => {
    const program = `
      process.on('uncaughtException', (error) => console.log(error.message))
      netB.createServer((socket) => {
        socket.on('close', () => { console.log('closed'); process.exit() })
        socket.end('last words')
      }).listen(80)
      const client = netA.connect(80, '10.0.0.2')
      client.on('data', () => { throw new Error('thrown') }).on('end', () => console.log('end'))`
    assert.deepEqual(run(program), { status: 0, stdout: 'thrown\nend\nclosed\n' })
  })
})

describe('A socket that is destroyed in the middle of what comes', () => {
  it('resets, where all has arrived but was not handed over, too', LIMIT, () => {
    // Once the windows are open, some super-segments come at once.
    const program = `
      netB.createServer((socket) => {
        socket.on('end', () => console.log('end')).on('error', (error) => console.log(error.code))
        socket.on('close', () => process.exit()).on('data', () => socket.write(Buffer.alloc(2e5)))
        socket.write(Buffer.alloc(4e6))
      }).listen(80)
      const client = netA.connect(80, '10.0.0.2')
      let count = 0
      client.on('data', ({ length }) => {
        if (count === 4e6) client.destroy()
        count += length
        if (count === 4e6) setTimeout(() => client.write('more'), 20)
      })`
    assert.deepEqual(run(program, { offload: true }), { status: 0, stdout: 'ECONNRESET\n' })
  })
})

describe('A stack that is closed by a listener', () => {
  it('is no error to the socket that it listens to', LIMIT, () => {
    const program = `
      netB.createServer((socket) => socket.on('error', () => undefined).write(Buffer.alloc(3e6))).listen(80)
      const client = netA.connect(80, '10.0.0.2')
      let count = 0
      client.on('data', () => { if (++count === 3) a.close() })
      client.on('error', (error) => console.log(error.code)).on('close', (had) => { console.log(had); process.exit() })`
    assert.deepEqual(run(program), { status: 0, stdout: 'false\n' })
  })
})

describe('Several addresses of a name', () => {
  it('are asked of those of IPv4; the others, and what is said several times, count for nothing', LIMIT, async () => {
    const { netA, close } = stacks()
    const asked: LookupOptions[] = []
    const lookup: LookupFunction = (name, options, found) => {
      asked.push(options)
      finding('::1', '10.0.0.3', '::2', '10.0.0.3', '10.0.0.4')(name, options, found)
    }
    const client = netA.connect({ port: 80, host: 'a.name', lookup })
    const [error] = (await once(client, 'error')) as [AggregateError]
    assert.deepEqual(error.errors.map(String), [
      'Error: connect ECONNREFUSED 10.0.0.3:80',
      'Error: connect ECONNREFUSED 10.0.0.4:80',
    ])
    assert.deepEqual(asked, [{ family: 4, hints: ADDRCONFIG, all: true }])
    close()
  })

  it('are an error where all are of IPv6, and so is a family of 6', LIMIT, async () => {
    const { netA, close } = stacks()
    for (const host of ['::1', 'a.name']) {
      const client = netA.connect({ port: 80, host, lookup: finding('::1', '::2') })
      const [error] = (await once(client, 'error')) as [Error]
      assert.match(error.message, /^connect EAFNOSUPPORT ::1:80/)
    }
    const lookup: LookupFunction = (_name, { family }, found) => found(new Error(`family ${family}`), '', 6)
    const [error] = await once(netA.connect({ port: 80, host: 'a.name', family: 6, lookup }), 'error')
    assert.equal(String(error), 'Error: family 6')
    close()
  })

  it('may be one, as text', LIMIT, async () => {
    const { netA, close } = stacks()
    const lookup: LookupFunction = (_name, _options, found) => found(null, '10.0.0.3', 4)
    const [error] = await once(netA.connect({ port: 80, host: 'a.name', lookup }), 'error')
    assert.equal(String(error), 'Error: connect ECONNREFUSED 10.0.0.3:80')
    close()
  })

  it(
    'count for nothing where the socket that asked was closed meanwhile, though it connects again',
    LIMIT,
    async () => {
      const { netA, netB, close } = stacks()
      const server = netB.createServer((socket) => socket.end()).listen(80)
      const client = new netA.Socket()
      let answer = (): void => undefined
      const lookup: LookupFunction = (_name, _options, found) => {
        answer = () => found(null, '10.0.0.3', 4)
      }
      client.connect({ port: 80, host: 'a.name', family: 4, lookup }).destroy()
      await once(client, 'close')
      client.connect(80, '10.0.0.2')
      answer()
      await once(client, 'connect')
      assert.equal(client.remoteAddress, '10.0.0.2')
      client.destroy()
      server.close()
      close()
    },
  )

  it('leave nothing behind, whichever is open', LIMIT, () => {
    const program = `
      netB.createServer({ tcp: { timeWait: 1 } }, (socket) => socket.end()).listen(80, '10.0.0.2').unref()
      for (const last of ['10.0.0.2', '10.0.0.3', '10.0.0.78']) {
        const addresses = ['10.0.0.77', '10.0.0.4', last].map((address) => ({ address, family: 4 }))
        const lookup = (name, options, found) => found(null, addresses)
        const options = { port: 80, host: 'a.name', lookup, autoSelectFamilyAttemptTimeout: 20 }
        const client = netA.connect(options).on('connect', () => console.log('connected')).resume()
        client.on('error', ({ code }) => console.log(code)).on('close', () => console.log('closed'))
        if (last === '10.0.0.78') setTimeout(() => { client.destroy(); console.log(a.machine.size) }, 100)
      }`
    const { status, stdout } = run(program)
    assert.equal(status, 0)
    assert.deepEqual(stdout.trim().split('\n').sort(), ['0', 'ETIMEDOUT', 'closed', 'closed', 'closed', 'connected'])
  })
})

describe('What a lookup or a second connect leaves behind', () => {
  it('is nothing that keeps the process alive', LIMIT, () => {
    const program = `
      const attempts = [
        { host: 'a.name', family: 9 },
        { host: 'a.name', lookup: () => { throw new Error('thrown') } },
        { host: '10.0.0.2', localPort: 70_000 },
      ]
      for (const attempt of attempts) {
        try { netA.connect({ port: 80, ...attempt }) } catch (error) { console.log(error.code ?? error.message) }
      }
      const lookup = (name, options, found) => found(null, '::1', 6)
      netA.connect({ port: 80, host: 'a.name', lookup }).on('error', ({ code }) => console.log(code))
      const twice = netA.connect(80, '10.0.0.77').on('error', ({ code }) => console.log(code, a.machine.size))
      twice.connect(80, '10.0.0.77')
      netB.createServer((socket) => socket.resume()).listen(80, '10.0.0.2').unref()
      const place = { port: 80, host: '10.0.0.2', tcp: { timeWait: 1 } }
      const open = netA.connect(place, () => open.connect(place))
      open.on('error', ({ code }) => console.log(code))`
    const stdout = 'ERR_INVALID_ARG_VALUE\nthrown\nERR_SOCKET_BAD_PORT\nEAFNOSUPPORT\nEALREADY 1\nEISCONN\n'
    assert.deepEqual(run(program), { status: 0, stdout })
  })
})

describe('What a stack does not have', () => {
  it('is refused: descriptors, pipes, and a constructor that is called on an object', () => {
    const { netA, close } = stacks()
    const loose = netA as unknown as Record<'Socket', new (options: unknown) => unknown>
    for (const options of [{ fd: 3 }, { fd: null }, 3]) {
      assert.throws(() => new loose.Socket(options), { code: 'ERR_INVALID_ARG_VALUE', message: /has no descriptors/ })
    }
    assert.throws(() => netA.connect('/run/pipe'), { code: 'ERR_INVALID_ARG_VALUE', message: /has no pipes/ })
    const old = Object.create(netA.Socket.prototype)
    assert.throws(() => netA.Socket.call(old), { name: 'TypeError', message: /write class … extends Socket/ })
    close()
  })
})

describe('The options of our TCP', () => {
  it('reach connections, those of createNet and their own', LIMIT, async () => {
    const { a, b, netB, close } = stacks()
    const net = createNet(a, { tcp: { congestion: 'newreno', timeWait: 10 } })
    const server = netB.createServer({ tcp: { congestion: 'bbr' } }).listen(80)
    await once(server, 'listening')
    const client = net.connect({ port: 80, host: '10.0.0.2', tcp: { timeWait: 20 } })
    await once(client, 'connect')
    const [ours] = a.machine.connections
    const [theirs] = b.machine.connections
    assert.ok(ours !== undefined && 'settings' in ours && theirs !== undefined && 'settings' in theirs)
    assert.deepEqual([ours.settings.congestion, ours.settings.timeWait], ['newreno', 20_000])
    assert.equal(theirs.settings.congestion, 'bbr')
    client.destroy()
    close()
  })

  it('setNoDelay and setKeepAlive are those of the connection', LIMIT, async () => {
    const { a, netA, netB, close } = stacks()
    const server = netB.createServer().listen(80)
    await once(server, 'listening')
    const client = netA.connect({
      port: 80,
      host: '10.0.0.2',
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 5000,
    })
    await once(client, 'connect')
    const [tcb] = a.machine.connections
    assert.ok(tcb !== undefined && 'settings' in tcb)
    assert.deepEqual([tcb.noDelay, tcb.settings.keepAlive, tcb.settings.keepAliveProbes], [true, 5_000_000, 10])
    client.setNoDelay(false).setKeepAlive(true)
    assert.deepEqual([tcb.noDelay, tcb.settings.keepAlive, tcb.settings.keepAliveProbes], [false, 7_200_000_000, 9])
    client.setKeepAlive(false).destroy()
    assert.equal(tcb.settings.keepAlive, 0)
    close()
  })
})
