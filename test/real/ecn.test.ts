import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TcpSocket } from '../../src/stack/tcp-socket.ts'
import { ATTACHMENTS, type Attachment, type AttachmentKind, attach, KERNEL_ADDRESS, OUR_ADDRESS } from './attachment.ts'
import { counterOf } from './counters.ts'
import { type LabHost, labUnavailable } from './netns.ts'

const LIMIT = { timeout: 30_000 }
const PORT = 7000
/** Linux's tcp_ecn: asks for it, and grants it. */
const REQUEST = 1
const BYTES = 200_000

const ECHO_SERVER = `
require('net').createServer((socket) => socket.pipe(socket)).listen(${PORT}, '${KERNEL_ADDRESS}', () => console.log('up'))`
const CLIENT = `
require('net').connect(${PORT}, '${OUR_ADDRESS}', function () { console.log('up'); this.end(Buffer.alloc(${BYTES})) })`

/** Packets with ECT(0) that the kernel has received. */
const markable = (kernel: LabHost): number => counterOf(kernel, 'IpExt', 'InECT0Pkts')

async function on(kind: AttachmentKind, work: (attachment: Attachment) => Promise<void>): Promise<void> {
  const attachment = attach(kind, { prepare: (kernel) => kernel.sysctl('ipv4.tcp_ecn', REQUEST) })
  try {
    await work(attachment)
  } finally {
    attachment.close()
  }
}

async function readAll(socket: TcpSocket): Promise<number> {
  let total = 0
  for await (const chunk of socket) total += chunk.length
  return total
}

for (const kind of ATTACHMENTS) {
  describe(`ECN with the kernel (RFC 3168), ${kind}`, { skip: labUnavailable() }, () => {
    it('is granted by the kernel when we ask, and both ends mark their data', LIMIT, () =>
      on(kind, async ({ stack, kernel }) => {
        await kernel.start(ECHO_SERVER)
        const socket = await stack.tcp.connect({ host: KERNEL_ADDRESS, port: PORT, ecn: 'request' })
        const received = readAll(socket)
        await socket.write(new Uint8Array(BYTES))
        socket.end()
        assert.equal(await received, BYTES)
        assert.ok(socket.info().ecn && socket.info().ecnseen)
        assert.ok(markable(kernel) > 0)
      }),
    )

    it('is granted to the kernel when it asks', LIMIT, () =>
      on(kind, async ({ stack, kernel }) => {
        const listener = stack.tcp.listen({ port: PORT })
        await kernel.start(CLIENT)
        const socket = await listener.accept()
        assert.equal(await readAll(socket), BYTES)
        assert.ok(socket.info().ecn && socket.info().ecnseen)
        socket.end()
      }),
    )

    it('is not used with one that was not asked', LIMIT, () =>
      on(kind, async ({ stack, kernel }) => {
        await kernel.start(ECHO_SERVER)
        const socket = await stack.tcp.connect({ host: KERNEL_ADDRESS, port: PORT })
        assert.equal(socket.info().ecn, false)
        socket.abort()
        assert.equal(markable(kernel), 0)
      }),
    )
  })
}
