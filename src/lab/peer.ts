// The other side of a demo: a Node program on the sockets of whatever kernel it runs on. It ends with its parent.
import { createServer, type Server } from 'node:net'
import { kernelPipe, type Pipe } from './pipe.ts'
import { SINK_PORT, SOURCE_PORT, serveSink, serveSource } from './transfer.ts'

const listen = (port: number, serve: (pipe: Pipe) => Promise<void>): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      const pipe = kernelPipe(socket)
      serve(pipe).catch(() => pipe.destroy())
    })
    server.once('error', reject)
    server.listen(port, () => resolve(server))
  })

process.on('disconnect', () => process.exit(0))
await Promise.all([listen(SINK_PORT, serveSink), listen(SOURCE_PORT, serveSource)])
process.send?.('ready')
