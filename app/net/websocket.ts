// WebSockets by ws. Run as root: node dist/app/net/websocket.js for an echo server, with a URL for a client.
import http from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'
import { net, STACK, stack } from './wire.ts'

const [url] = process.argv.slice(2)
if (url === undefined) serve()
else ask(url)

function serve(): void {
  const server = net.adopt(http.createServer())
  new WebSocketServer({ server }).on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  server.listen(8080, () => console.log(`listening on ws://${STACK}:8080/`))
}

function ask(place: string): void {
  const socket = new WebSocket(place, { agent: net.httpAgent() })
  socket.on('open', () => socket.send('hello'))
  socket.on('message', (data) => {
    console.log(`echo: ${data}`)
    socket.close()
  })
  socket.on('close', () => stack.close())
}
