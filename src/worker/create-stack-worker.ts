import { Worker } from 'node:worker_threads'
import { rangeError } from '../base/argument-errors.ts'
import { NetError } from '../base/errors.ts'
import { spinOf } from '../driver/create-stack.ts'
import { bellMemory } from './bell.ts'
import { Crossing } from './crossing.ts'
import { WorkerHost } from './host.ts'
import type { Bells, ThreadData, WorkerStackOptions } from './protocol.ts'
import { LEAST_RING } from './udp-record.ts'

const DEFAULT_RING = 1024 * 1024
const MOST_RING = 2 ** 30
const THREAD = new URL('./thread.js', import.meta.url)

export interface CreateStackWorkerOptions extends WorkerStackOptions {
  /**
   * Bytes of each of the two rings between the threads that a connection has: what may wait there one way beside the
   * buffers of TCP. A power of two from 128 KiB on; 1 MiB by default. Memory is taken only where bytes have been.
   */
  readonly ringSize?: number
}

/**
 * A host of our own on a real network, as `createStack` makes it, in a thread of its own: it answers its peers and moves
 * their bytes while this thread is busy. It keeps the process alive until `close`. docs/worker.md tells what it costs.
 *
 * @throws {RangeError} when the size of the rings is none, or `spin` no number of microseconds.
 */
export function createStackWorker(options: CreateStackWorkerOptions = {}): WorkerHost {
  const { ringSize = DEFAULT_RING, ...rest } = options
  if (!(ringSize >= LEAST_RING && ringSize <= MOST_RING) || !Number.isInteger(Math.log2(ringSize))) {
    const range = `from ${LEAST_RING} to ${MOST_RING}`
    throw rangeError(`Cannot make rings of ${ringSize} bytes: the size must be a power of two ${range}`)
  }
  const bells = { up: bellMemory(), down: bellMemory() }
  return hostIn(startThread({ bells, options: { ...rest, spin: spinOf(rest.spin) } }), bells, ringSize)
}

/** Starts the thread of a stack. What node was told for the program, such as how to read its sources, is nothing for it. */
export const startThread = (workerData: ThreadData): Worker =>
  new Worker(THREAD, { workerData, name: 'gotcp', execArgv: [] })

/** The user's side of a stack that lives in `worker`. */
export function hostIn(worker: Worker, bells: Bells, ringSize = DEFAULT_RING): WorkerHost {
  const crossing = new Crossing(worker, bells, ringSize)
  let cause: unknown
  worker.on('error', (error) => {
    cause ??= error
  })
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('exit', (status) => {
      const isInOrder = crossing.caller.isClosed && cause === undefined && status === 0
      const why = `the thread of the stack has ended${reasonOf(cause, status)}`
      const reason = (syscall: string): NetError => new NetError('ERR_WORKER', `Cannot ${syscall}: ${why}`, { syscall })
      crossing.die(why, reason)
      if (isInOrder) resolve()
      else reject(Object.assign(new NetError('ERR_WORKER', capitalized(why)), { cause }))
    })
  })
  return new WorkerHost(crossing, ended)
}

function reasonOf(cause: unknown, status: number): string {
  if (cause instanceof Error) return `: ${cause.name}: ${cause.message}`
  return cause === undefined ? ` with status ${status}` : `: ${String(cause)}`
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
