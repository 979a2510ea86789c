import { Worker } from 'node:worker_threads'
import type { Plan } from './round.ts'

/** How one thread can wake another that sleeps in its event loop. */
export const WAYS = ['MessagePort', 'Atomics.waitAsync'] as const
export type Way = (typeof WAYS)[number]

const THREAD = new URL('./wake-thread.js', import.meta.url)

/** Where the counts of calls and of answers stand. */
export const WakeWord = { CALL: 0, ANSWER: 16, COUNT: 32 } as const

/** `Atomics.waitAsync`, which Node has, and the ECMAScript that we compile for has not yet. */
export const waitAsync = (Atomics as unknown as { waitAsync: WaitAsync }).waitAsync
type WaitAsync = (
  words: Int32Array,
  index: number,
  value: number,
) => { readonly async: boolean; readonly value: unknown }

/** The median time of a call to another thread and its answer in microseconds, by nothing but the wake-ups. */
export async function wakeTime(way: Way, { ms, warmUp }: Plan): Promise<string> {
  const words = new Int32Array(new SharedArrayBuffer(WakeWord.COUNT * 4))
  const worker = new Worker(THREAD, { workerData: { way, words } })
  const call = way === 'MessagePort' ? byMessage(worker) : byWord(words)
  await new Promise((resolve) => worker.once('message', resolve))
  const samples: number[] = []
  const begin = performance.now()
  for (let at = begin; at < begin + warmUp + ms; ) {
    await call()
    const now = performance.now()
    if (at >= begin + warmUp) samples.push(now - at)
    at = now
  }
  await worker.terminate()
  samples.sort((a, b) => a - b)
  return (samples[samples.length >> 1]! * 1000).toFixed(1)
}

function byMessage(worker: Worker): () => Promise<void> {
  let onAnswer: () => void = () => undefined
  worker.on('message', () => onAnswer())
  return () =>
    new Promise((resolve) => {
      onAnswer = resolve
      worker.postMessage(0)
    })
}

function byWord(words: Int32Array): () => Promise<void> {
  return async () => {
    const seen = Atomics.load(words, WakeWord.ANSWER)
    Atomics.add(words, WakeWord.CALL, 1)
    Atomics.notify(words, WakeWord.CALL)
    const wait = waitAsync(words, WakeWord.ANSWER, seen)
    if (wait.async) await wait.value
  }
}
