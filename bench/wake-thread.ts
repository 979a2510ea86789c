// The thread that `wake.ts` wakes.
import { parentPort, workerData } from 'node:worker_threads'
import { WakeWord, type Way, waitAsync } from './wake.ts'

const { way, words } = workerData as { way: Way; words: Int32Array }
const port = parentPort!
// With the other way, too, the port is what keeps the thread alive.
port.on('message', () => port.postMessage(0))
port.postMessage('ready')
if (way === 'Atomics.waitAsync') {
  for (let seen = 0; ; ) {
    const wait = waitAsync(words, WakeWord.CALL, seen)
    if (wait.async) await wait.value
    seen = Atomics.load(words, WakeWord.CALL)
    Atomics.add(words, WakeWord.ANSWER, 1)
    Atomics.notify(words, WakeWord.ANSWER)
  }
}
