// tcpip.js (lwIP in WebAssembly, the package `tcpip`) as a server: a sink on PORT, a source on PORT+1, an echo on PORT+2,
// as peer.c has them. It has no TAP of its own; ours carries its frames.
//
//   tcpip-js INTERFACE ADDRESS PORT

import { clock } from '../../src/driver/clock.ts'
import { openTapLink } from '../../src/index.ts'
import { OutFrame } from '../../src/link/link.ts'
import { MarkChecker, markAll } from '../mark.ts'

/** What we use of the package, which is no dependency of ours. */
interface Duplex {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}
interface Tcpip {
  createStack(): Promise<{
    createTapInterface(options: { ip: string; mac: string }): Promise<Duplex>
    listenTcp(options: { port: number }): Promise<AsyncIterable<Duplex>>
  }>
}

const PACKAGE: string = 'tcpip'
const WRITE = 64 * 1024

type Handler = (connection: Duplex, writer: WritableStreamDefaultWriter<Uint8Array>) => Promise<void>

const sink: Handler = async ({ readable }, writer) => {
  const seen = new MarkChecker()
  for await (const chunk of readable) seen.take(chunk, chunk.length)
  await writer.write(new Uint8Array(BigUint64Array.of(BigInt(seen.bytes), BigInt(seen.wrong)).buffer))
}

const source: Handler = async ({ readable }, writer) => {
  const { value } = await readable.getReader().read()
  const ms = value === undefined ? 0 : Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true))
  const chunk = new Uint8Array(WRITE)
  let sent = 0
  for (const end = performance.now() + ms; performance.now() < end; sent += WRITE) {
    markAll(chunk, sent)
    await writer.write(chunk)
  }
}

const echo: Handler = async ({ readable }, writer) => {
  for await (const chunk of readable) await writer.write(chunk)
}

async function serve(connections: AsyncIterable<Duplex>, handle: Handler): Promise<void> {
  for await (const connection of connections) {
    const writer = connection.writable.getWriter()
    // The client may reset the connection when it has seen enough.
    handle(connection, writer)
      .then(() => writer.close())
      .catch(() => undefined)
  }
}

const [name, address, port] = process.argv.slice(2) as [string, string, string]
const { createStack } = (await import(PACKAGE)) as Tcpip
const stack = await createStack()
const tap = await stack.createTapInterface({ ip: `${address}/24`, mac: '02:00:00:00:12:01' })

const link = openTapLink({ name, offload: false })
const toStack = tap.writable.getWriter()
const out = new OutFrame()
link.onWake = () => {
  const now = clock()
  link.receive(now, ({ bytes, start, end }) => void toStack.write(bytes.slice(start, end)))
}
async function carryOut(): Promise<void> {
  for await (const frame of tap.readable) {
    const now = clock()
    out.reset()
    out.payload = frame
    out.payloadTo = frame.length
    link.send(out, now)
    link.flush(now)
  }
}
void carryOut()
for (const [i, handle] of [sink, source, echo].entries()) {
  void serve(await stack.listenTcp({ port: Number(port) + i }), handle)
}
console.log('ready')
