import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TcpSocket } from '../../src/stack/tcp-socket.ts'
import { counterOf } from './counters.ts'
import { fetchFast, hasCurl } from './fetch.ts'
import type { LabHost } from './netns.ts'
import { FAR_ADDRESS, onPath, type PathAttachment, pathUnavailable } from './routed.ts'

const LIMIT = { timeout: 30_000 }
const PORT = 7000
/** Linux's tcp_fastopen: connections may use it, listeners may, and every listener does. */
const EVERYWHERE = 0x403
const QUESTION = 'a question with the SYN'

/** SYNs without ACK, those with the option of Fast Open, and those longer than any header: they carry data. */
const SYN = 'tcp flags & (syn|ack) == syn'
const OPTION = `${SYN} tcp option fastopen exists`
const DATA = `${SYN} ip length > 80`

const ECHO_SERVER = `
let count = 0
require('net').createServer((socket) => { count++; socket.on('data', (data) => socket.write(count + ':' + data)).on('end', () => socket.end()) })
  .listen(${PORT}, '${FAR_ADDRESS}', () => console.log('up'))`

const everywhere = (kernel: LabHost): void => kernel.sysctl('ipv4.tcp_fastopen', EVERYWHERE)

async function readAll(socket: TcpSocket): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

/** Asks a question by Fast Open; its answer, and whether the data went with the SYN. */
async function ask({ stack }: PathAttachment): Promise<{ answer: string; fastopen: boolean }> {
  const socket = await stack.tcp.connect({ host: FAR_ADDRESS, port: PORT, fastOpen: true })
  await socket.write(QUESTION)
  socket.end()
  return { answer: await readAll(socket), fastopen: socket.info().fastopen }
}

const onTalkativePath = (work: (attachment: PathAttachment) => Promise<void>): Promise<void> =>
  onPath('own address', { prepare: everywhere }, async (attachment) => {
    await attachment.kernel.start(ECHO_SERVER)
    await work(attachment)
  })

describe('Fast Open over routers (RFC 7413)', { skip: pathUnavailable() }, () => {
  it('carries the data in the SYN, which a kernel in between can count', LIMIT, () =>
    onTalkativePath(async (attachment) => {
      attachment.path.when('option', OPTION)
      attachment.path.when('data', DATA)
      assert.deepEqual(await ask(attachment), { answer: `1:${QUESTION}`, fastopen: false })
      assert.equal(attachment.path.met('data'), 0)
      assert.deepEqual(await ask(attachment), { answer: `2:${QUESTION}`, fastopen: true })
      assert.equal(attachment.path.met('data'), 1)
      assert.equal(attachment.path.met('option'), 2)
    }),
  )

  for (const [what, match] of [
    ['data', DATA],
    ['the option', OPTION],
  ] as const) {
    it(
      `falls back where a middlebox drops a SYN with ${what}, and delivers the data once (§4.1.3.1, §7.1)`,
      LIMIT,
      () =>
        onTalkativePath(async (attachment) => {
          assert.equal((await ask(attachment)).fastopen, false)
          attachment.path.when('dropped', match, 'drop')
          // Lost twice, it is not tried again for a minute.
          for (const [count, lost] of [
            [2, 1],
            [3, 2],
            [4, 2],
          ]) {
            assert.deepEqual(await ask(attachment), { answer: `${count}:${QUESTION}`, fastopen: false })
            assert.equal(attachment.path.met('dropped'), lost)
          }
          assert.equal(attachment.stack.tcp.fastOpen.stats.activeFailed, 2)
          assert.equal(counterOf(attachment.kernel, 'TcpExt', 'TCPFastOpenPassive'), 0)
        }),
    )
  }

  it('asks in vain where a middlebox drops each SYN,ACK with a cookie, and connects all the same', LIMIT, () =>
    onTalkativePath(async (attachment) => {
      attachment.path.when('dropped', 'tcp flags & (syn|ack) == (syn|ack) tcp option fastopen exists', 'drop')
      assert.deepEqual(await ask(attachment), { answer: `1:${QUESTION}`, fastopen: false })
      assert.ok(attachment.path.met('dropped') > 0)
    }),
  )

  it('takes the data of a new key-holder no sooner than with a cookie of the new key (§4.1.2)', LIMIT, () =>
    onTalkativePath(async (attachment) => {
      const { kernel } = attachment
      assert.equal((await ask(attachment)).fastopen, false)
      assert.equal((await ask(attachment)).fastopen, true)
      kernel.sysctl('ipv4.tcp_fastopen_key', '01234567-89abcdef-01234567-89abcdef')
      assert.deepEqual(await ask(attachment), { answer: `3:${QUESTION}`, fastopen: false })
      assert.deepEqual(await ask(attachment), { answer: `4:${QUESTION}`, fastopen: true })
    }),
  )

  it('serves a kernel whose SYN with data never arrives', { ...LIMIT, skip: !hasCurl && 'curl is missing' }, () =>
    onPath('own address', { prepare: everywhere }, async ({ path, stack, kernel }) => {
      const listener = stack.tcp.listen({ port: PORT, fastOpen: 8 })
      assert.equal(await fetchFast(kernel, listener), 'ok')
      path.when('dropped', DATA, 'drop')
      assert.equal(await fetchFast(kernel, listener), 'ok')
      assert.equal(path.met('dropped'), 1)
      assert.equal(stack.tcp.fastOpen.stats.passive, 0)
    }),
  )
})
