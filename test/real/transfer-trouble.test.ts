import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import type { NetError } from '../../src/index.ts'
import { type Attachment, type AttachmentKind, attach, KERNEL_ADDRESS, OUR_ADDRESS } from './attachment.ts'
import { eventually } from './collect.ts'
import { asClient, asServer, MIB, receiveStream, sendStream } from './exchange.ts'
import { firstLine, labUnavailable, outputOf } from './netns.ts'
import { StreamChecker } from './stream.ts'

const LIMIT = { timeout: 30_000 }
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function on(kind: AttachmentKind, work: (attachment: Attachment) => Promise<void>): Promise<void> {
  const attachment = attach(kind)
  try {
    await work(attachment)
  } finally {
    attachment.close()
  }
}

describe('a transfer whose reader is slow', { skip: labUnavailable() }, () => {
  it('waits for us behind a closed window', LIMIT, () =>
    on('own address', (attachment) => asClient(attachment, { up: 0, down: 24 * MIB, ourPauseMs: 5 })),
  )

  it('waits for the kernel behind a closed window', LIMIT, () =>
    on('own address', (attachment) => asServer(attachment, { up: 24 * MIB, down: 0, kernelPauseMs: 5 })),
  )

  it('waits for a kernel that reads nothing for longer than a probe', LIMIT, () =>
    on('shared address', (attachment) => asServer(attachment, { up: 16 * MIB, down: 0, kernelRestMs: 2500 })),
  )

  it('waits for both at once', LIMIT, () =>
    on('TUN', (attachment) => asClient(attachment, { up: 12 * MIB, down: 12 * MIB, ourPauseMs: 5, kernelPauseMs: 5 })),
  )
})

/** A program that has so much to say before it reads anything: both windows close. */
const SAYS_ALL_FIRST = (port: number, octets: number): string => `
  const server = require('node:net').createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    server.close()
    let count = 0
    const read = () => socket.on('data', ({ length }) => (count += length)).on('end', () => socket.end()).resume()
    setTimeout(() => socket.write(Buffer.alloc(${octets}), read), 1000)
    socket.on('close', () => console.log(count))
  })
  server.listen(${port}, () => console.log('ready'))`

describe('two ends that both write', { skip: labUnavailable() }, () => {
  it('go on although the peer reads nothing before all of its own was read', LIMIT, () =>
    on('own address', async ({ stack, kernel }) => {
      const octets = 16 * MIB
      const child = kernel.spawn(process.execPath, '-e', SAYS_ALL_FIRST(9600, octets))
      await firstLine(child)
      const said = outputOf(child)
      const socket = await stack.tcp.connect({ host: KERNEL_ADDRESS, port: 9600 })
      const sent = socket.write(new Uint8Array(octets)).then(() => socket.end())
      let got = 0
      for await (const { length } of socket) got += length
      await sent
      assert.equal(got, octets)
      assert.equal(Number((await said).trim()), octets)
    }),
  )
})

describe('the end of a connection', { skip: labUnavailable() }, () => {
  for (const first of ['ours', 'kernel', 'both'] as const) {
    it(`comes half by half, first ${first}: the other half goes on`, LIMIT, () =>
      on('own address', async (attachment) => {
        await asClient(attachment, { up: 3 * MIB, down: 5 * MIB, first })
        await asServer(attachment, { up: 5 * MIB, down: 3 * MIB, first })
        await asClient(attachment, { up: 0, down: 0, first })
        await asServer(attachment, { up: 0, down: 1, first })
      }),
    )
  }

  it('is told when the kernel resets at once, in the middle, or after our end', LIMIT, () =>
    on('own address', async ({ stack, peer }) => {
      for (const resetAt of [0, 1, 3 * MIB]) {
        const listener = await peer.listen({ send: 0, end: 'last', resetAt })
        const socket = await stack.tcp.connect({ host: KERNEL_ADDRESS, port: listener.port })
        const reading = receiveStream(socket)
        await Promise.all([
          assert.rejects(reading, { code: 'ECONNRESET' }),
          assert.rejects(sendStream(socket, 64 * MIB), { code: 'ECONNRESET' }),
          assert.rejects(socket.closed, { code: 'ECONNRESET' }),
        ])
        await listener.report()
      }
    }),
  )

  it('is a reset for the kernel when we abort, or close with data unread', LIMIT, () =>
    on('own address', async ({ stack, peer }) => {
      for (const way of ['abort', 'close'] as const) {
        const listener = stack.tcp.listen({ port: 0 })
        const theirs = peer.connect(OUR_ADDRESS, listener.localPort, { send: 8 * MIB, end: 'last' })
        const socket = await listener.accept()
        await socket.read()
        await eventually(() => socket.info().recv_q > 0, 'unread data')
        void socket[way]()
        assert.match((await theirs).errors.join(), /^(ECONNRESET|EPIPE)$/)
        listener.close()
      }
      assert.equal(stack.machine.size, 0)
    }),
  )

  it('is refused by a port of nobody, on either side', LIMIT, () =>
    on('own address', async ({ stack, peer }) => {
      await assert.rejects(stack.tcp.connect({ host: KERNEL_ADDRESS, port: 1 }), { code: 'ECONNREFUSED' })
      const { errors } = await peer.connect(OUR_ADDRESS, 1, { send: 0, end: 'last' })
      assert.deepEqual(errors, ['ECONNREFUSED'])
    }),
  )
})

describe('a cable', { skip: labUnavailable() }, () => {
  for (const pulled of ['kernel', 'ours'] as const) {
    it(`that is pulled for three seconds at the end "${pulled}" costs no byte`, LIMIT, () =>
      on('own address', async (attachment) => {
        const { lab, link } = attachment
        const pull = async (): Promise<void> => {
          await eventually(() => link.counters.receivedBytes > MIB, 'data')
          lab.host(pulled).ip('link', 'set', 'eth0', 'down')
          await pause(3000)
          lab.host(pulled).ip('link', 'set', 'eth0', 'up')
        }
        await Promise.all([pull(), asServer(attachment, { up: 24 * MIB, down: 24 * MIB, kernelPauseMs: 3 })])
      }),
    )
  }

  for (const kind of ['own address', 'shared address', 'TAP', 'TUN'] as const) {
    it(`that is removed in the middle ends everything that used it with a clear error, ${kind}`, LIMIT, () =>
      on(kind, async ({ stack, peer, link, lab, kernel }) => {
        const endless = { send: 1024 * MIB, end: 'last' } as const
        const listener = await peer.listen(endless)
        const socket = await stack.tcp.connect({ host: KERNEL_ADDRESS, port: listener.port })
        const arrived = new StreamChecker(2)
        const isGone = (error: NetError): boolean => {
          assert.equal(error.code, 'ENODEV')
          assert.match(error.message, /the interface it used is gone/)
          return true
        }
        const reading = (async () => {
          for await (const chunk of socket) arrived.take(chunk)
        })()
        const ends = Promise.all([
          assert.rejects(reading, isGone),
          assert.rejects(sendStream(socket, endless.send), isGone),
          assert.rejects(socket.closed, isGone),
        ])
        await eventually(() => link.counters.receivedBytes > MIB, 'data')
        if (kind === 'TAP' || kind === 'TUN') kernel.ip('link', 'delete', 'gotcp0')
        else lab.host('ours').ip('link', 'delete', 'eth0')
        await ends
        assert.ok(arrived.received > 0)
        assert.equal(arrived.wrongAt, -1)
        assert.equal(link.error?.code, 'ENODEV')
        assert.equal(stack.machine.size, 0)
        await assert.rejects(stack.tcp.connect({ host: KERNEL_ADDRESS, port: 9 }))
      }),
    )
  }
})
