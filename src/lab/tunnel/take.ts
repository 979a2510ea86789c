// The server's program in the tunnel's lab: takes what comes out of the tunnel, and says what it was and how long it was silent.
import { createHash } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import { fail, say, serveParent, sharedClock } from './child.ts'
import type { TakeOrder, TakeReport } from './messages.ts'
import { FAR_PORT } from './plan.ts'

/** How often it is told how far it is, in milliseconds. */
const TELL = 100

/** When the last octets came, and the longest wait for some. */
let last = 0
let gap = 0

const tell = (report: TakeReport): void => say(report)

function take(socket: Socket): void {
  const hash = createHash('sha256')
  let octets = 0
  let toldAt = sharedClock()
  last = toldAt
  gap = 0
  socket.on('data', (bytes) => {
    const now = sharedClock()
    gap = Math.max(gap, now - last)
    last = now
    octets += bytes.length
    hash.update(bytes)
    if (now - toldAt < TELL) return
    toldAt = now
    tell({ octets })
  })
  socket.on('end', () => {
    socket.end()
    tell({ taken: { octets, sha256: hash.digest('hex'), endedAt: last, gap } })
  })
  socket.on('error', fail)
}

serveParent((_order: TakeOrder) => {
  gap = 0
})
createServer({ allowHalfOpen: true }, take)
  .on('error', fail)
  .listen(FAR_PORT, '127.0.0.1', () => say('ready'))
