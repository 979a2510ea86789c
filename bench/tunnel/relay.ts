// Hands connections on to another port, as little as a hop in Node can do: npm run bench -- tunnel starts it.
import { say, serveParent } from '../../src/lab/tunnel/child.ts'
import { connectTo, ignore, type Kind, listenFor, order } from './ends.ts'

export interface RelayOrder {
  readonly folder: string
  readonly takes: Kind
  readonly dials: Kind
  readonly port: number
}

const { folder, takes, dials, port } = order<RelayOrder>()
const listening = await listenFor(takes, folder, (near) => {
  const far = connectTo(dials, port)
  near.pipe(far).pipe(near)
  near.on('error', ignore).on('close', () => far.destroy())
  far.on('error', ignore).on('close', () => near.destroy())
})
serveParent(() => undefined)
say({ port: listening })
