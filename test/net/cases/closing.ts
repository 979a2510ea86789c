import { once, sleep, until } from '../worlds.ts'
import type { Case } from './case.ts'

export const closing: readonly Case[] = [
  [
    'half-close: allowHalfOpen on both sides',
    async (scene) => {
      const { here, there, closed } = await scene.pair({ allowHalfOpen: true }, { allowHalfOpen: true })
      scene.read('client', here)
      scene.read('server', there)
      here.end('question')
      await once(there, 'end')
      scene.note('server', there.readyState)
      scene.note('client', here.readyState)
      there.write('answer ')
      await sleep(5)
      there.end('in parts')
      await closed
    },
  ],
  [
    'half-close without allowHalfOpen: the other side ends as well',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      scene.read('server', there)
      scene.read('client', here)
      here.end('last words')
      await closed
    },
  ],
  [
    'write after end',
    async (scene) => {
      const { here, there } = await scene.pair()
      there.resume()
      here.end()
      here.write('late', (error) => scene.note('client', 'written', error))
      await once(here, 'close')
    },
  ],
  [
    'write after the peer has ended',
    async (scene) => {
      const { here, there } = await scene.pair()
      here.resume()
      here.once('end', () => {
        setImmediate(() => here.write('late', (error) => scene.note('client', 'written', error)))
      })
      there.end()
      there.resume()
      await once(here, 'close')
    },
  ],
  [
    'end twice, with callbacks',
    async (scene) => {
      const { here, there } = await scene.pair()
      there.resume()
      here.resume()
      here.end('x', () => scene.note('client', 'ended'))
      here.end((error?: Error) => scene.note('client', 'ended again', error))
      await once(here, 'close')
    },
  ],
  [
    'destroy',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      there.resume()
      here.destroy()
      scene.note('client', `${here.destroyed} ${here.readyState} ${here.bytesWritten}`)
      await closed
    },
  ],
  [
    'destroy with an error',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      there.resume()
      here.destroy(Object.assign(new Error('mine'), { code: 'MINE' }))
      await closed
    },
  ],
  [
    'destroySoon sends what was written',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      scene.read('server', there)
      here.write('a')
      here.write('b')
      here.destroySoon()
      await closed
    },
  ],
  [
    'destroy with unread data resets',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      here.pause()
      there.resume()
      there.write(Buffer.alloc(300_000))
      await sleep(30)
      here.destroy()
      await closed
    },
  ],
  [
    'destroy in the middle of what comes',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      // Its kernel may have nothing unread just then: an end comes before the reset.
      scene.unordered.push('server')
      here.once('data', () => here.destroy())
      there.on('error', () => undefined).write(Buffer.alloc(16 << 20))
      await closed
    },
  ],
  [
    'resetAndDestroy',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      there.resume()
      here.resetAndDestroy()
      scene.note('client', `${here.destroyed}`)
      await closed
    },
  ],
  [
    'resetAndDestroy sends what was written first',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      // libuv tells of a reset that came with bytes as of an end.
      scene.unordered.push('server')
      scene.read('what it heard', there).on('error', () => undefined)
      here.write('last words')
      here.resetAndDestroy()
      await closed
    },
  ],
  [
    'destroy with unread data sends what was written before it resets',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      scene.unordered.push('server')
      here.pause()
      scene.read('what it heard', there).on('error', () => undefined)
      there.write(Buffer.alloc(300_000))
      await sleep(30)
      here.write('last words')
      here.destroy()
      await closed
    },
  ],
  [
    'resetAndDestroy while connecting',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.resume())
      // A reset may be quicker than the last segment of the handshake.
      scene.unordered.push('server')
      const client = scene.connect(port)
      client.resetAndDestroy()
      await once(client, 'close')
    },
  ],
  [
    'resetAndDestroy while connecting, with something written',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.on('error', () => undefined).resume())
      scene.unordered.push('server')
      const client = scene.connect(port)
      client.write('last words', (error) => scene.note('client', 'written', error))
      client.resetAndDestroy()
      await once(client, 'close')
      scene.note('client', `${client.bytesWritten}`)
    },
  ],
  [
    'resetAndDestroy of a socket that is not connected',
    async (scene) => {
      const client = scene.socket()
      client.resetAndDestroy()
      await once(client, 'close')
    },
  ],
  [
    'a reset while a write waits',
    async (scene) => {
      const { here, there } = await scene.pair()
      there.pause()
      here.write(Buffer.alloc(16 << 20))
      // Whether libuv meets it as it reads or as it writes is chance.
      here.removeAllListeners('error')
      here.on('error', (error) =>
        scene.note('client', error.message.replace(/^(read|write) (EPIPE|ECONNRESET)$/, 'failed')),
      )
      await sleep(20)
      there.resetAndDestroy()
      await once(here, 'close')
    },
  ],
  [
    'a reset of a socket that is paused and full is told when it reads again',
    async (scene) => {
      const { here, there } = await scene.pair()
      here.pause()
      there.write(Buffer.alloc(300_000))
      await until(() => here.readableLength >= here.readableHighWaterMark)
      there.resetAndDestroy()
      await sleep(20)
      scene.note('client', `destroyed ${here.destroyed}`)
      // libuv tells of such a reset as of an end, now and then.
      here.removeAllListeners().on('error', () => undefined)
      here.resume()
      await once(here, 'close')
    },
  ],
  [
    'timeout, and again',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      there.resume()
      let count = 0
      here.setTimeout(15, () => scene.note('client', 'callback', `${here.timeout}`))
      here.on('timeout', () => {
        if (++count === 1) here.write('x')
        else here.end()
      })
      here.resume()
      await closed
    },
  ],
  [
    'timeout that is taken back',
    async (scene) => {
      const { here, there, closed } = await scene.pair()
      there.resume()
      const onTimeout = (): void => scene.note('client', 'callback')
      here.setTimeout(10, onTimeout)
      here.setTimeout(0, onTimeout)
      await sleep(40)
      scene.note('client', `${here.timeout} ${here.listenerCount('timeout')}`)
      here.end()
      here.resume()
      await closed
    },
  ],
  [
    'timeout while connecting and traffic that holds it off',
    async (scene) => {
      const { port } = await scene.serve((socket) => {
        socket.resume()
        const timer = setInterval(() => socket.write('.'), 20)
        setTimeout(() => {
          clearInterval(timer)
          socket.end()
        }, 1500)
      })
      const client = scene.socket()
      client.setTimeout(1000)
      client.connect(port, scene.world.host)
      client.resume()
      await once(client, 'close')
    },
  ],
  [
    'options in a chain, before and after connecting',
    async (scene) => {
      const { port } = await scene.serve((socket) => socket.resume())
      const client = scene.socket()
      const same = client.setNoDelay().setKeepAlive(true, 1000).ref().unref().ref().setTimeout(0)
      scene.note('client', `${same === client}`)
      client.connect(port, scene.world.host)
      await once(client, 'connect')
      scene.note('client', `${client.setNoDelay(false).setKeepAlive(false) === client}`)
      client.end().resume()
      await once(client, 'close')
    },
  ],
  [
    'an error that nobody listens for ends the process, so nothing is lost when somebody does',
    async (scene) => {
      const { here, there } = await scene.pair()
      there.on('data', () => there.destroy(new Error('in a listener')))
      here.resume()
      here.write('x')
      await once(here, 'close')
    },
  ],
]
