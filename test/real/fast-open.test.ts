import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TcpSocket } from '../../src/stack/tcp-socket.ts'
import { ATTACHMENTS, type Attachment, type AttachmentKind, attach, KERNEL_ADDRESS } from './attachment.ts'
import { counterOf } from './counters.ts'
import { fetchFast, hasCurl } from './fetch.ts'
import { type LabHost, labUnavailable } from './netns.ts'

const LIMIT = { timeout: 30_000 }
const PORT = 7000
/** Linux's tcp_fastopen: connections may use it, listeners may, and every listener does. */
const EVERYWHERE = 0x403

const ECHO_SERVER = `
require('net').createServer((socket) => socket.pipe(socket)).listen(${PORT}, '${KERNEL_ADDRESS}', () => console.log('up'))`

/** A counter of the kernel's TcpExt line. */
const counter = (kernel: LabHost, name: string): number => counterOf(kernel, 'TcpExt', name)

async function on(kind: AttachmentKind, work: (attachment: Attachment) => Promise<void>): Promise<void> {
  const prepare = (kernel: LabHost): void => kernel.sysctl('ipv4.tcp_fastopen', EVERYWHERE)
  const attachment = attach(kind, { prepare })
  try {
    await work(attachment)
  } finally {
    attachment.close()
  }
}

async function readAll(socket: TcpSocket): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

for (const kind of ATTACHMENTS) {
  describe(`Fast Open with the kernel, ${kind}`, { skip: labUnavailable() }, () => {
    it('is given a cookie by the kernel, and sends data with the SYN that it accepts', LIMIT, () =>
      on(kind, async ({ stack, kernel }) => {
        await kernel.start(ECHO_SERVER)
        for (const isFirst of [true, false]) {
          const socket = await stack.tcp.connect({ host: KERNEL_ADDRESS, port: PORT, fastOpen: true })
          assert.equal(socket.isWaitingForData, !isFirst)
          await socket.write('a question with the SYN')
          socket.end()
          assert.equal(await readAll(socket), 'a question with the SYN')
          assert.equal(socket.info().fastopen, !isFirst)
        }
        assert.equal(stack.tcp.fastOpen.stats.active, 1)
        assert.equal(counter(kernel, 'TCPFastOpenPassive'), 1)
        assert.equal(counter(kernel, 'TCPFastOpenCookieReqd'), 1)
      }),
    )

    it('gives the kernel a cookie, and takes data with its SYN', { ...LIMIT, skip: !hasCurl }, () =>
      on(kind, async ({ stack, kernel }) => {
        const listener = stack.tcp.listen({ port: PORT, fastOpen: 8 })
        assert.equal(await fetchFast(kernel, listener), 'ok')
        assert.equal(await fetchFast(kernel, listener), 'ok')
        assert.equal(stack.tcp.fastOpen.stats.cookieRequests, 1)
        assert.equal(stack.tcp.fastOpen.stats.passive, 1)
        assert.equal(counter(kernel, 'TCPFastOpenActive'), 1)
      }),
    )
  })
}
