// fastify on our stack, by its server factory. Run as root: node dist/app/net/fastify.js, then curl http://10.0.0.2:8080/hello/you
import http from 'node:http'
import { fastify } from 'fastify'
import { net, STACK } from './wire.ts'

const app = fastify({
  forceCloseConnections: true,
  serverFactory: (handler) => net.adopt(http.createServer((request, response) => handler(request, response))),
})

app.get<{ Params: { name: string } }>('/hello/:name', async ({ params, ip }) => ({ hello: params.name, from: ip }))
app.post('/sum', async ({ body }) => ({ sum: (body as number[]).reduce((sum, each) => sum + each, 0) }))

await app.listen({ port: 8080, host: STACK })
console.log(`listening on http://${STACK}:8080/`)
