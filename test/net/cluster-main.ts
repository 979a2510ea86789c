// A cluster of one: its worker has a server on a stack in memory, and says what the kernel has at that port.
import cluster from 'node:cluster'
import net, { type AddressInfo } from 'node:net'
import { once, stacks } from './worlds.ts'

async function work(): Promise<string> {
  const spare = net.createServer().listen({ port: 0, host: '127.0.0.1', exclusive: true })
  await once(spare, 'listening')
  const { port } = spare.address() as AddressInfo
  spare.close()
  await once(spare, 'close')

  const { netA, netB, close } = stacks()
  const server = netB.createServer((socket) => socket.end('from the stack')).listen(port)
  await once(server, 'listening')
  let heard = ''
  for await (const chunk of netA.connect(port, '10.0.0.2')) heard += chunk
  const stranger = net.connect(port, '127.0.0.1')
  const [error] = (await once(stranger, 'error')) as [NodeJS.ErrnoException]
  server.close()
  close()
  return `${heard}, ${error.code}`
}

if (cluster.isPrimary) {
  const worker = cluster.fork()
  worker.on('message', (message: string) => {
    console.log(message)
    worker.disconnect()
  })
} else {
  process.send?.(await work())
}
