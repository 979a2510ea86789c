// A service's backend that does what the first octet of a connection asks for: npm run bench -- tunnel starts it.
import { say, serveParent } from '../../src/lab/tunnel/child.ts'
import { ignore, listenFor, Wish } from './ends.ts'
import { pourInto } from './pour.ts'

serveParent(() => undefined)
const port = await listenFor('tcp', '', (socket) => {
  socket.on('error', ignore)
  socket.once('data', ([wish]) => {
    if (wish === Wish.POUR) pourInto(socket.resume())
    else if (wish === Wish.TAKE) socket.resume()
    else socket.pause()
  })
})
say({ port })
