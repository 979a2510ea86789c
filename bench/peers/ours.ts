// Our stack as a server: a sink on PORT, a source on PORT+1, an echo on PORT+2, as peer.c has them. Over the public API.
//
//   ours packet|tap INTERFACE ADDRESS PORT [plain]      plain: without a virtio-net header
import { createStack, openPacketLink, openTapLink, type TcpListener, type TcpSocket } from '../../src/index.ts'
import { READ, WRITE } from '../api.ts'
import { MarkChecker, markAll } from '../mark.ts'

/** Reads until `target` is full; false at an earlier end. */
async function fill(socket: TcpSocket, target: Uint8Array): Promise<boolean> {
  for (let have = 0; have < target.length; ) {
    const count = await socket.readInto(target.subarray(have))
    if (count === 0) return false
    have += count
  }
  return true
}

async function sink(socket: TcpSocket): Promise<void> {
  const memory = new Uint8Array(READ)
  const seen = new MarkChecker()
  for (let count = await socket.readInto(memory); count > 0; count = await socket.readInto(memory)) {
    seen.take(memory, count)
  }
  await socket.write(new Uint8Array(BigUint64Array.of(BigInt(seen.bytes), BigInt(seen.wrong)).buffer))
}

async function source(socket: TcpSocket): Promise<void> {
  const order = new BigUint64Array(1)
  if (!(await fill(socket, new Uint8Array(order.buffer)))) return
  const chunk = new Uint8Array(WRITE)
  let sent = 0
  for (const end = performance.now() + Number(order[0]); performance.now() < end; sent += WRITE) {
    markAll(chunk, sent)
    await socket.write(chunk)
  }
}

async function echo(socket: TcpSocket): Promise<void> {
  const byte = new Uint8Array(1)
  while ((await socket.readInto(byte)) > 0) await socket.write(byte)
}

async function serve(listener: TcpListener, handle: (socket: TcpSocket) => Promise<void>): Promise<void> {
  for await (const socket of listener) {
    handle(socket)
      .then(() => socket.close())
      // The client may reset the connection when it has seen enough.
      .catch(() => socket.abort())
  }
}

const [kind, name, address, port, plain] = process.argv.slice(2) as [string, string, string, string, string?]
const offload = plain === undefined
const stack = createStack()
const link =
  kind === 'tap' ? openTapLink({ name, offload }) : openPacketLink({ interface: name, addresses: [address], offload })
stack.addInterface(link, { address: `${address}/24` })
for (const [i, handle] of [sink, source, echo].entries()) {
  void serve(stack.tcp.listen({ port: Number(port) + i, noDelay: true, backlog: 1024 }), handle)
}
console.log('ready')
