// TLS on our stack. Run as root: node dist/app/net/tls.js CERT KEY for a server, with CERT alone for a client of 10.0.0.1:8000
import { readFileSync } from 'node:fs'
import tls from 'node:tls'
import { KERNEL, net, STACK, stack } from './wire.ts'

const [cert, key] = process.argv.slice(2).map((file) => readFileSync(file))
if (cert === undefined) {
  console.error('usage: node dist/app/net/tls.js CERT [KEY], in PEM')
  process.exit(2)
}
if (key === undefined) ask(cert)
else serve(cert, key)

function serve(cert: Buffer, key: Buffer): void {
  const server = net.adopt(
    tls.createServer({ cert, key }, (socket) => {
      socket.end(`hello ${socket.remoteAddress}, this is ${socket.getProtocol()}\n`)
    }),
  )
  server.listen(8443, () => console.log(`listening on ${STACK}:8443`))
}

function ask(ca: Buffer): void {
  const socket = net.connectTls({ host: KERNEL, port: 8000, ca }, () => {
    console.log(`secured: ${socket.remoteAddress}:${socket.remotePort}, ${socket.getProtocol()}`)
    socket.end('hello')
  })
  socket.on('data', (data) => console.log(`echo: ${data}`))
  socket.on('close', () => stack.close())
}
