// fetch by undici over our stack, by its connect option. Run as root: node dist/app/net/undici.js http://10.0.0.1:8000/
import tls from 'node:tls'
import { Agent, type buildConnector, fetch } from 'undici'
import { net, stack } from './wire.ts'

const connect: buildConnector.connector = ({ hostname, port, protocol, servername }, callback) => {
  const isSecure = protocol === 'https:'
  const socket = net.connect(Number(port || (isSecure ? 443 : 80)), hostname)
  const stream = isSecure ? tls.connect({ socket, servername: servername ?? hostname }) : socket
  if (isSecure) socket.allowHalfOpen = true
  stream.once(isSecure ? 'secureConnect' : 'connect', () => callback(null, stream as tls.TLSSocket))
  stream.once('error', (error: Error) => callback(error, null))
}

const dispatcher = new Agent({ connect })
const urls = process.argv.slice(2)
const answers = await Promise.all(urls.map(async (url) => (await fetch(url, { dispatcher })).text()))
for (const answer of answers) console.log(answer.trimEnd())
await dispatcher.close()
stack.close()
