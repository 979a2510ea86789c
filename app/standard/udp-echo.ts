// Sends every datagram back where it came from. Run: node dist/app/standard/udp-echo.js -port 8888
import { createSocket } from 'node:dgram'
import { readFlags } from './flags.ts'

const values = readFlags('Sends every datagram back where it came from.', { port: 8888, addr: '0.0.0.0' })

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
socket.bind(values.port, values.addr, () => console.log(`listening on ${values.addr}:${values.port}`))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => socket.close())
