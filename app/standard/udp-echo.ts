// Sends every datagram back where it came from. Run: node dist/app/standard/udp-echo.js -port 8888
import { createSocket } from 'node:dgram'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  args: process.argv.slice(2).map((word) => word.replace(/^-(?=[a-z]{2})/, '--')),
  options: { port: { type: 'string', default: '8888' }, addr: { type: 'string', default: '0.0.0.0' } },
})

const socket = createSocket('udp4')
socket.on('message', (message, peer) => {
  console.log(`${message.length} bytes from ${peer.address}:${peer.port}`)
  socket.send(message, peer.port, peer.address)
})
socket.on('error', (error) => {
  console.error(error.message)
  process.exitCode = 1
  socket.close()
})
socket.bind(Number(values.port), values.addr, () => console.log(`listening on ${values.addr}:${values.port}`))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => socket.close())
