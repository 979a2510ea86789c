import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { LiveSession } from '../../../src/tunnel/live-session.ts'
import type { HostPair } from './memory-session.ts'

const PATHS = 3

/** A real session over connections of this machine. */
export async function livePair(): Promise<HostPair> {
  const [asking, answering] = [new LiveSession({ role: 'client' }), new LiveSession({ role: 'server' })]
  const server = createServer({ noDelay: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (let id = 0; id < PATHS; id++) {
    const accepted = once(server, 'connection') as Promise<[Socket]>
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const [[other]] = await Promise.all([accepted, once(socket, 'connect')])
    asking.addPath(socket, new Uint8Array(0), { id })
    answering.addPath(other, new Uint8Array(0), { id })
  }
  server.close()
  return {
    asking: asking.session,
    answering: answering.session,
    open: () => asking.session.openCount + answering.session.openCount,
    close: () => {
      asking.close(0, 'done')
      answering.close(0, 'done')
    },
  }
}
