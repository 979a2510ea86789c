import type { Crew } from './crew.ts'
import type { Kind } from './ends.ts'
import type { RelayOrder } from './relay.ts'

export interface Relays {
  readonly title: string
  /** Where the first listens. */
  readonly port: number
  /** Process ids. */
  readonly client: number
  readonly server: number
}

/** Two relays that lead to a port, with a connection between them for each that comes: what two hops in Node cost anyway. */
export async function relaysTo(crew: Crew, port: number, between: Kind = 'tls'): Promise<Relays> {
  const { folder } = crew
  const relay = (order: RelayOrder) => crew.start<{ port: number }>('relay', order)
  const far = await relay({ folder, takes: between, dials: 'tcp', port })
  const near = await relay({ folder, takes: 'tcp', dials: between, port: far.said.port })
  const title = `two relays of node:net${between === 'tls' ? ', TLS between' : ''}`
  return { title, port: near.said.port, client: near.member.pid, server: far.member.pid }
}
