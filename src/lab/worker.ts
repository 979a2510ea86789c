// Our stack in a demo: runs inside node1 and does what the demo asks over the process's own channel.
import { openPacketLink } from '../driver/packet.ts'
import { serveSide } from './remote.ts'
import { sideOf } from './side.ts'
import { openHost, stackNet } from './stack-net.ts'
import { INTERFACE, NODE1, NODE2, PREFIX } from './topology.ts'

const address = `${NODE1.address}/${PREFIX}`
const loss = Number(process.argv[2] ?? 0)
try {
  const link = openPacketLink({ interface: INTERFACE, addresses: [address] })
  serveSide(sideOf(stackNet(openHost(link, address, loss), NODE2.address)))
  process.send?.('ready')
} catch (error) {
  const { message, code } = error as NodeJS.ErrnoException
  process.send?.({ error: message, code }, () => process.exit(1))
}
