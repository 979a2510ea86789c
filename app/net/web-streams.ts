// Web streams over our stack, by Duplex.toWeb: lines to an echo and back. Run as root: node dist/app/net/web-streams.js 8000
import { Duplex } from 'node:stream'
import { TextDecoderStream, TransformStream, type WritableStream } from 'node:stream/web'
import { KERNEL, net, stack } from './wire.ts'

const LINES = 65_536
const [port = '8000'] = process.argv.slice(2)
const { readable, writable } = Duplex.toWeb(net.connect(Number(port), KERNEL))

let sent = 0
let received = 0
let mostUnderway = 0
const sending = sendLines(writable)
for await (const line of readable.pipeThrough(new TextDecoderStream()).pipeThrough(splitLines())) {
  if (line.trimEnd() !== `line ${received}`) throw new Error(`line ${received} came back as ${line}`)
  received++
}
await sending
console.log(`${received} of ${sent} lines came back, at most ${mostUnderway} were underway`)
stack.close()

/** Writes lines of 1 KiB as the socket takes them: the stream's own queue would hold 16,384 pieces of any size. */
async function sendLines(to: WritableStream): Promise<void> {
  const writer = to.getWriter()
  const encoder = new TextEncoder()
  while (sent < LINES) {
    await writer.write(encoder.encode(`line ${sent}`.padEnd(1023) + '\n'))
    sent++
    mostUnderway = Math.max(mostUnderway, sent - received)
  }
  await writer.close()
}

/** Text in pieces of any size to lines. */
function splitLines(): TransformStream<string, string> {
  let rest = ''
  return new TransformStream({
    transform(piece, controller) {
      const lines = (rest + piece).split('\n')
      rest = lines.pop()!
      for (const line of lines) controller.enqueue(line)
    },
    flush(controller) {
      if (rest !== '') controller.enqueue(rest)
    },
  })
}
