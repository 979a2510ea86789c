// Sends what you type and prints what comes back. Run: node dist/app/standard/tcp-client.js -addr 172.20.0.3 -port 8888
import { connect } from 'node:net'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  args: process.argv.slice(2).map((word) => word.replace(/^-(?=[a-z]{2})/, '--')),
  options: { port: { type: 'string', default: '8888' }, addr: { type: 'string', default: '172.20.0.3' } },
})

const socket = connect({ host: values.addr, port: Number(values.port), allowHalfOpen: true }, () => {
  console.error(`connected to ${values.addr}:${values.port}`)
  process.stdin.pipe(socket)
})
socket.pipe(process.stdout)
socket.on('end', () => socket.end())
socket.on('error', (error) => {
  console.error(error.message)
  process.exitCode = 1
})
socket.on('close', () => process.stdin.destroy())
