// node:dgram on our stack. Run as root: node dist/app/net/dgram.js for an echo, with a port for a client of 10.0.0.1
import { once } from 'node:events'
import { createDgram } from 'gotcp/dgram'
import { KERNEL, STACK, stack } from './wire.ts'

const SIZES = [5, 1400, 20_000]
const PATIENCE_MS = 2000

const dgram = createDgram(stack)
const [port] = process.argv.slice(2)
if (port === undefined) serve()
else await ask(Number(port))

function serve(): void {
  const socket = dgram.createSocket('udp4', (message, sender) => socket.send(message, sender.port, sender.address))
  socket.bind(7, () => console.log(`listening on ${STACK}:7`))
}

/** Datagrams of several sizes, the largest in fragments; of one that is lost nobody tells. */
async function ask(port: number): Promise<void> {
  const socket = dgram.createSocket('udp4')
  socket.connect(port, KERNEL)
  await once(socket, 'connect')
  for (const size of SIZES) {
    socket.send(Buffer.alloc(size, 'echo'))
    const [message, sender] = await once(socket, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) })
    console.log(`${message.length} bytes from ${sender.address}:${sender.port}`)
  }
  stack.close()
}
