import { createStack } from '../driver/create-stack.ts'
import { FaultLink } from '../link/fault.ts'
import type { Link } from '../link/link.ts'
import type { Host } from '../stack/host.ts'
import type { TcpSocket } from '../stack/tcp-socket.ts'
import type { Pipe } from './pipe.ts'
import type { Net } from './side.ts'

const READ_SIZE = 262_144
const ECHO_TIMEOUT_MS = 2000
const ECHO_PAUSE_MS = 20

/** A connection of our stack's. */
function stackPipe(socket: TcpSocket): Pipe {
  let buffer: Uint8Array | undefined
  return {
    write: (chunk) => socket.write(chunk),
    end: async () => socket.end(),
    read: async () => {
      buffer ??= new Uint8Array(READ_SIZE)
      const count = await socket.readInto(buffer)
      return count === 0 ? undefined : buffer.subarray(0, count)
    },
    retransmits: () => socket.info().retrans,
    destroy: () => void socket.close(),
  }
}

/** A host of our own on `link`, with packets lost on purpose when `loss` says so. */
export function openHost(link: Link, address: string, loss: number): Host {
  const host = createStack()
  host.addInterface(loss > 0 ? new FaultLink(link, { loss }) : link, { address })
  return host
}

/** Our stack as the network of a Side that talks to `peer`. */
export const stackNet = (host: Host, peer: string): Net => ({
  connect: async (port) => stackPipe(await host.tcp.connect({ host: peer, port })),
  echo: async () => {
    const { rttUs } = await host.ping(peer, { timeout: ECHO_TIMEOUT_MS }).catch(() => ({ rttUs: undefined }))
    await new Promise((resolve) => setTimeout(resolve, ECHO_PAUSE_MS))
    return rttUs === undefined ? undefined : rttUs / 1000
  },
  close: async () => host.close(),
})

/** Serves a port of our stack's until the host is closed. */
export async function serveOnStack(host: Host, port: number, serve: (pipe: Pipe) => Promise<void>): Promise<void> {
  for await (const socket of host.tcp.listen({ port })) {
    const pipe = stackPipe(socket)
    void serve(pipe).catch(() => pipe.destroy())
  }
}
