// A server of node:http on our stack. Run as root: node dist/app/net/http.js, then curl http://10.0.0.2:8080/
import http from 'node:http'
import { net, STACK } from './wire.ts'

const server = net.adopt(
  http.createServer((request, response) => {
    response.setHeader('content-type', 'text/plain')
    response.end(`${request.method} ${request.url}, ${request.socket.remoteAddress}\n`)
  }),
)
server.listen(8080, () => console.log(`listening on http://${STACK}:8080/`))
