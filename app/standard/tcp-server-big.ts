// Reads 20,480 bytes, sends them back and closes: the counterpart of `gotcp tcpclient`.
// Run: node dist/app/standard/tcp-server-big.js -port 8888
import { createServer } from 'node:net'
import { readFlags } from './flags.ts'

const { port, addr, bytes, once } = readFlags('Reads so many bytes, sends them back and closes.', {
  port: 8888,
  addr: '0.0.0.0',
  bytes: 20480,
  once: false,
})

const server = createServer({ allowHalfOpen: true }, (socket) => {
  const peer = `${socket.remoteAddress}:${socket.remotePort}`
  console.log(`connection from ${peer}`)
  const chunks: Buffer[] = []
  let received = 0
  const answer = (): void => {
    if (socket.writableEnded) return
    socket.end(Buffer.concat(chunks), () => console.log(`${peer}: wrote ${received} bytes`))
  }
  socket.on('data', (chunk) => {
    chunks.push(chunk)
    received += chunk.length
    console.log(`${peer}: read ${chunk.length} bytes`)
    if (received >= bytes) answer()
  })
  socket.on('end', answer)
  socket.on('error', (error) => console.log(`${peer}: ${error.message}`))
  socket.on('close', () => {
    console.log(`${peer} closed, ${received} bytes in all`)
    if (once) server.close()
  })
})

server.on('error', (error) => {
  console.error(error.message)
  process.exitCode = 1
})
server.listen(port, addr, () => console.log(`listening on ${addr}:${port}`))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))
