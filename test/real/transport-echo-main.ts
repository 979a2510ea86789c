// Lets paths in and sends back what they say: node transport-echo-main.js HOST PORT. Without TLS on PORT, with it on the
// next. Prints who comes, after a first line that it is ready.
import { ownIdentity } from '../../src/transport/certificate.ts'
import { PathListener } from '../../src/transport/listen.ts'
import { temporaryFolder } from '../transport/temporary.ts'

const [host = '', port = ''] = process.argv.slice(2)
const admit = () => ({ onDisplaced: undefined, release: () => undefined })
const identity = await temporaryFolder((folder) => ownIdentity(folder))
for (const [i, tls] of [undefined, { identity }].entries()) {
  const addresses = [{ host, port: Number(port) + i }]
  await PathListener.open({ admit, addresses, tls }, (socket, remote) => {
    console.log(remote.host)
    socket.pipe(socket)
  })
}
console.log('ready')
