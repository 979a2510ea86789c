// A server that keeps its thread busy: it counts the primes below the number in each line it reads, while the stack in
// its own thread acknowledges what comes and answers pings. Run as root: node dist/app/worker/primes.js, then
// echo 3000000 | nc -N 10.0.0.2 8080, and ping 10.0.0.2 meanwhile.
import { createStackWorker, type WorkerTcpSocket } from 'gotcp'

const stack = createStackWorker()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stack.close())

await stack.addInterface({ kind: 'tap', name: 'gotcp0', kernelAddress: '10.0.0.1/24' }, { address: '10.0.0.2/24' })
const listener = await stack.tcp.listen({ port: 8080 })
console.log('listening on 10.0.0.2:8080')
for await (const socket of listener) serve(socket).catch((error) => console.error(error.message))

async function serve(socket: WorkerTcpSocket): Promise<void> {
  let text = ''
  for await (const chunk of socket) {
    const lines = (text + Buffer.from(chunk)).split('\n')
    text = lines.pop()!
    for (const line of lines) await socket.write(`${countPrimes(Number(line))}\n`)
  }
  socket.end()
}

/** Takes its time, and lets nothing else happen in this thread. */
function countPrimes(below: number): number {
  let count = 0
  for (let n = 2; n < below; n++) {
    let divisor = 2
    while (divisor * divisor <= n && n % divisor !== 0) divisor++
    if (divisor * divisor > n) count++
  }
  return count
}
