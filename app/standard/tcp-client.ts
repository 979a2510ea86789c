// Sends what you type and prints what comes back. Run: node dist/app/standard/tcp-client.js -addr 172.20.0.3 -port 8888
import { connect } from 'node:net'
import { readFlags } from './flags.ts'

const values = readFlags('Sends what you type and prints what comes back.', { port: 8888, addr: '172.20.0.3' })

const socket = connect({ host: values.addr, port: values.port, allowHalfOpen: true }, () => {
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
