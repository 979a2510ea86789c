// What the programs of the bench connect with: plain TCP, or TLS 1.3 and a certificate of the bench's own.
import { once } from 'node:events'
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, connect as dialTls } from 'node:tls'
import { ownIdentity } from '../../src/transport/certificate.ts'

export type Kind = 'tcp' | 'tls'

/** What a backend is asked for by the first octet of a connection. */
export const Wish = {
  /** Pours until the connection closes. */
  POUR: 1,
  /** Takes all. */
  TAKE: 2,
  /** Reads nothing any more. */
  STALL: 3,
} as const

const HOST = '127.0.0.1'

/**
 * Takes connections at a port that is free; the port.
 * @param folder where the certificate is, or will be
 */
export async function listenFor(kind: Kind, folder: string, onSocket: (socket: Socket) => void): Promise<number> {
  const server = kind === 'tcp' ? createServer({ noDelay: true }, onSocket) : await tlsServer(folder, onSocket)
  server.listen({ port: 0, host: HOST, backlog: 4096 })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function tlsServer(folder: string, onSocket: (socket: Socket) => void): Promise<Server> {
  const { certificate: cert, key } = await ownIdentity(folder)
  const options = { cert, key, minVersion: 'TLSv1.3', noDelay: true } as const
  return createTlsServer(options, onSocket).on('tlsClientError', ignore)
}

/** Connects to a port; `onConnect` is called when it can be written to. */
export function connectTo(kind: Kind, port: number, onConnect?: () => void): Socket {
  if (kind === 'tcp') return dial({ host: HOST, port, noDelay: true }, onConnect)
  const socket = dialTls({ host: HOST, port, rejectUnauthorized: false }, onConnect)
  socket.setNoDelay(true)
  return socket
}

export const ignore = (): void => undefined

/** What the program was told on its command line. */
export const order = <T>(): T => JSON.parse(process.argv[2] ?? '{}') as T
