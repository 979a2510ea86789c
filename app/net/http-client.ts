// Requests of node:http and node:https over our stack, on connections that are kept; the last one upgrades to an echo.
// Run as root: node dist/app/net/http-client.js http://10.0.0.1:8000/ [https://10.0.0.1:8443/ CERT]
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { net, stack } from './wire.ts'

const [plain = 'http://10.0.0.1:8000/', secure, cert] = process.argv.slice(2)
const agent = net.httpAgent({ keepAlive: true })

await answerTo(http.get(new URL('first', plain), { agent }))
await answerTo(http.get(new URL('second', plain), { agent }))
await answerTo(http.request(new URL('third', plain), { agent, method: 'POST' }).end('a body'))

if (secure !== undefined) {
  const ca = cert === undefined ? undefined : readFileSync(cert)
  const secureAgent = net.httpsAgent({ keepAlive: true, ca })
  await answerTo(https.get(new URL('first', secure), { agent: secureAgent }))
  await answerTo(https.get(new URL('second', secure), { agent: secureAgent }))
  secureAgent.destroy()
}

await upgrade(http.get(plain, { agent, headers: { connection: 'upgrade', upgrade: 'echo' } }))
agent.destroy()
stack.close()

async function answerTo(request: ClientRequest): Promise<void> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  console.log(`${connectionOf(request)} ${response.statusCode}: ${await text(response)}`)
}

async function upgrade(request: ClientRequest): Promise<void> {
  const [response, socket] = (await once(request, 'upgrade')) as [IncomingMessage, Duplex]
  socket.end('as it is')
  console.log(`${connectionOf(request)} ${response.statusCode}: ${await text(socket)}`)
}

/** Whether the connection was there already. */
function connectionOf({ reusedSocket }: ClientRequest): string {
  return reusedSocket ? 'kept' : 'new'
}
