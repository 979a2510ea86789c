// The kernel's end of idle connections: what comes goes back, until standard input ends. node kernel-peer.js PORT
import { createServer } from 'node:net'

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => socket.write(chunk))
})
server.listen({ port: Number(process.argv[2]), backlog: 4096 }, () => console.log('ready'))
process.stdin.on('end', () => process.exit()).resume()
