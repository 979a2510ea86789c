// A line echo on an ordinary kernel socket. Run: node dist/app/standard/tcp-server.js -port 8888
import { createServer } from 'node:net'
import { readFlags } from './flags.ts'

const values = readFlags('Echoes what comes, on an ordinary kernel socket.', { port: 8888, addr: '0.0.0.0' })

const server = createServer({ allowHalfOpen: true }, (socket) => {
  const peer = `${socket.remoteAddress}:${socket.remotePort}`
  console.log(`connection from ${peer}`)
  let bytes = 0
  socket.on('data', (chunk) => {
    bytes += chunk.length
    if (!socket.write(chunk)) socket.pause()
  })
  socket.on('drain', () => socket.resume())
  socket.on('end', () => socket.end())
  socket.on('error', (error) => console.log(`${peer}: ${error.message}`))
  socket.on('close', () => console.log(`${peer} closed, ${bytes} bytes echoed`))
})

server.on('error', (error) => {
  console.error(error.message)
  process.exitCode = 1
})
server.listen(values.port, values.addr, () => console.log(`listening on ${values.addr}:${values.port}`))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))
