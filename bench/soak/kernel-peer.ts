// The peer of a soak on the kernel's sockets, until standard input ends.
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { servePeer } from './peer.ts'

/** However little of the processor the clients get. */
const patience = 120_000

await servePeer({ createServer, adopt: (server) => server, createUdp: () => createSocket('udp4'), patience })
console.log('ready')
process.stdin.on('end', () => process.exit()).resume()
