// A server of node:https on our stack. Run as root: node dist/app/net/https.js CERT KEY, then curl --cacert CERT https://…
import { readFileSync } from 'node:fs'
import https from 'node:https'
import { net, STACK } from './wire.ts'

const files = process.argv.slice(2)
if (files.length !== 2) {
  console.error('usage: node dist/app/net/https.js CERT KEY, both in PEM')
  process.exit(2)
}
const [cert, key] = files.map((file) => readFileSync(file))
const server = net.adopt(https.createServer({ cert, key }, (_request, response) => response.end('hello over TLS\n')))
server.listen(8443, () => console.log(`listening on https://${STACK}:8443/`))
