// An HTTP server of node:http that wrk asks: over the kernel's TCP, or over ours. It says `ready` and runs until it is
// killed. Arguments: PORT, and for ours INTERFACE ADDRESS/PREFIX.
import { createServer } from 'node:http'
import { createStack, openPacketLink } from '../src/index.ts'
import { createNet } from '../src/net/index.ts'

const [port, name, address] = process.argv.slice(2)
const server = createServer((_request, response) => response.end('hello, world'))
if (name !== undefined && address !== undefined) {
  const stack = createStack()
  stack.addInterface(openPacketLink({ interface: name, addresses: [address] }), { address })
  createNet(stack).adopt(server)
}
server.listen(Number(port), () => console.log('ready'))
