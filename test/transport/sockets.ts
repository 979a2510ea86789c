import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { PathInput } from '../../src/session/paths/pipe.ts'
import { type Identity, ownIdentity } from '../../src/transport/certificate.ts'
import { createSecureServer, secureClient } from '../../src/transport/tls.ts'
import { temporaryFolder } from './temporary.ts'

/** Two ends of one connection on this machine, and the second one's socket of node:net. */
export async function socketPair(): Promise<readonly [Socket, Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  const [[far]] = await Promise.all([once(server, 'connection'), once(client, 'connect')])
  server.close()
  for (const socket of [client, far as Socket]) socket.on('error', () => undefined)
  return [client, far as Socket, far as Socket]
}

let identity: Promise<Identity> | undefined

/** An identity for servers of one test file. */
export function testIdentity(): Promise<Identity> {
  identity ??= temporaryFolder((folder) => ownIdentity(folder))
  return identity
}

/** The same with TLS between them. */
export async function securePair(): Promise<readonly [TLSSocket, TLSSocket, Socket]> {
  const [client, far] = await socketPair()
  const server = createSecureServer({ identity: await testIdentity() })
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  server.emit('connection', far)
  const secure = await secureClient(client, { trust: { channel: true }, peer: 'server' })
  const [other] = await accepted
  other.on('error', () => undefined)
  return [secure, other, far]
}

/** Keeps what a pipe tells. */
export class Listener implements PathInput {
  readonly chunks: Uint8Array[] = []
  length = 0
  writable = 0
  readonly reasons: string[] = []
  onChange: (() => void) | undefined

  onBytes(bytes: Uint8Array): void {
    this.chunks.push(bytes)
    this.length += bytes.length
    this.onChange?.()
  }

  onWritable(): void {
    this.writable++
    this.onChange?.()
  }

  onClosed(reason: string): void {
    this.reasons.push(reason)
    this.onChange?.()
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }

  /** Waits until something holds; whoever calls it has a test's own limit of time. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.onChange = () => {
        if (holds()) resolve()
      }
      this.onChange()
    })
  }
}
