import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ATTACHMENTS, type Attachment, type AttachmentKind, attach, KERNEL_ADDRESS, OUR_ADDRESS } from './attachment.ts'
import { exchange } from './exchange.ts'
import { labUnavailable } from './netns.ts'

const LIMIT = { timeout: 30_000 }
const PORT = 5000
const AGAIN = 20

async function on(kind: AttachmentKind, work: (attachment: Attachment) => Promise<void>): Promise<void> {
  const attachment = attach(kind)
  try {
    await work(attachment)
  } finally {
    attachment.close()
  }
}

/**
 * Where the machine stalls, the kernel says its FIN twice, and resets what acknowledges the second: that would end
 * TIME-WAIT (RFC 1337 §2).
 */
const STAYS = { resetEndsTimeWait: false }

/** The ports of ours that are in TIME-WAIT. */
const waiting = ({ stack }: Attachment): number[] =>
  [...stack.machine.connections].filter((entry) => !('state' in entry)).map(({ localPort }) => localPort)

/** A connection of ours from `PORT` that we close first. */
async function closeFirst({ stack, peer }: Attachment): Promise<number> {
  const { port } = await peer.listen({ send: 10, end: 'last' })
  const socket = await stack.tcp.connect({ host: KERNEL_ADDRESS, port, localPort: PORT, ...STAYS })
  await exchange(socket, { send: 10, end: 'first' })
  return port
}

/** A kernel's client connects from the same port again and again, as soon as its own kernel lets it; we close first. */
const CLIENT = `
  const { connect } = require('node:net')
  let left = ${AGAIN}
  const next = () => {
    if (left === 0) return console.log('done')
    let wasBusy = false
    const socket = connect({ host: '${OUR_ADDRESS}', port: ${PORT}, localPort: 6000, allowHalfOpen: true })
    socket.on('error', ({ code }) => {
      wasBusy = code === 'EADDRINUSE' || code === 'EADDRNOTAVAIL'
      if (!wasBusy) { console.log(code); process.exit(1) }
    })
    socket.on('data', () => {}).on('end', () => { left--; socket.end() })
    socket.on('close', () => wasBusy ? setTimeout(next, 5) : next())
  }
  next()`

for (const kind of ATTACHMENTS) {
  describe(`a port whose connections are in TIME-WAIT, ${kind}`, { skip: labUnavailable() }, () => {
    it('can be listened on, as on node:net, which sets SO_REUSEADDR', LIMIT, () =>
      on(kind, async (attachment) => {
        const { stack, peer } = attachment
        await closeFirst(attachment)
        assert.deepEqual(waiting(attachment), [PORT])
        for (const options of [{ port: PORT }, { port: PORT, host: OUR_ADDRESS }]) {
          const listener = stack.tcp.listen(options)
          const theirs = peer.connect(OUR_ADDRESS, PORT, { send: 10, end: 'first' })
          await exchange(await listener.accept(), { send: 10, end: 'first' })
          assert.deepEqual((await theirs).errors, [])
          listener.close()
        }
      }),
    )

    it('can be connected from to another place, and not to the same', LIMIT, () =>
      on(kind, async (attachment) => {
        const { stack, peer } = attachment
        const port = await closeFirst(attachment)
        const other = await peer.listen({ send: 10, end: 'first' })
        const socket = await stack.tcp.connect({ host: KERNEL_ADDRESS, port: other.port, localPort: PORT })
        await exchange(socket, { send: 10, end: 'last' })
        const same = stack.tcp.connect({ host: KERNEL_ADDRESS, port, localPort: PORT })
        await assert.rejects(same, { code: 'EADDRINUSE' })
      }),
    )

    it('can be listened on while a connection from it lives, and not twice', LIMIT, () =>
      on(kind, async ({ stack, peer }) => {
        const { port } = await peer.listen({ send: 10, end: 'last' })
        const socket = await stack.tcp.connect({ host: KERNEL_ADDRESS, port, localPort: PORT })
        const listener = stack.tcp.listen({ port: PORT })
        assert.throws(() => stack.tcp.listen({ port: PORT }), { code: 'EADDRINUSE' })
        await assert.rejects(stack.tcp.connect({ host: KERNEL_ADDRESS, port: port + 1, localPort: PORT }), {
          code: 'EADDRINUSE',
        })
        await exchange(socket, { send: 10, end: 'first' })
        listener.close()
      }),
    )

    it("takes the kernel's next connection from the same port at once (RFC 9293 MAY-2, RFC 6191 §2)", LIMIT, () =>
      on(kind, async (attachment) => {
        const { stack, kernel } = attachment
        const listener = stack.tcp.listen({ port: PORT, ...STAYS })
        const said = kernel.node(CLIENT)
        for (let i = 0; i < AGAIN; i++) {
          const socket = await listener.accept()
          await socket.write('hello')
          socket.end()
          await socket.closed
        }
        assert.equal((await said).trim(), 'done')
        assert.deepEqual(waiting(attachment), [PORT])
      }),
    )

    it('is our way to a kernel that closed first, and has it in TIME-WAIT', LIMIT, () =>
      on(kind, async ({ stack, peer }) => {
        const { port } = await peer.listen({ send: 10, end: 'first' })
        for (let i = 0; i < AGAIN; i++) {
          const socket = await stack.tcp.connect({ host: KERNEL_ADDRESS, port, localPort: PORT })
          await exchange(socket, { send: 10, end: 'last' })
        }
      }),
    )
  })
}
