// Sends 20,480 random bytes and checks that they come back: the counterpart of `gotcp tcpserver`.
// Run: node dist/app/standard/tcp-client-big.js -addr 172.20.0.2 -port 8888
import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { readFlags } from './flags.ts'

const values = readFlags('Sends random bytes and checks that they come back.', {
  port: 8888,
  addr: '172.20.0.2',
  bytes: 20480,
})
const data = randomBytes(values.bytes)
const back = createHash('sha256')
let received = 0

const socket = connect({ host: values.addr, port: values.port, allowHalfOpen: true }, () => {
  console.log(`connected to ${values.addr}:${values.port}`)
  socket.end(data, () => console.log(`wrote ${data.length} bytes`))
})
socket.on('data', (chunk) => {
  received += chunk.length
  back.update(chunk)
})
socket.on('error', (error) => console.error(error.message))
socket.on('close', () => {
  const isSame = back.digest('hex') === createHash('sha256').update(data).digest('hex')
  console.log(`read ${received} bytes, ${isSame ? 'the same' : 'NOT the same'} as were sent`)
  process.exitCode = isSame ? 0 : 1
})
