import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What a process holds, in bytes. */
export interface Memory {
  /** Of the JavaScript heap, in use. */
  readonly heap: number
  /** Outside of the heap and held by it: buffers, and what the addon reports. */
  readonly external: number
  /** Of that, array buffers. */
  readonly buffers: number
  /** Resident pages. */
  readonly rss: number
}

let collect: (() => void) | undefined

/** Collects what is garbage, whatever flags Node was started with; finalizers get their turn in between. */
export async function collectGarbage(): Promise<void> {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  for (let i = 0; i < 2; i++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** What the process holds once garbage is collected. */
export async function measureMemory(): Promise<Memory> {
  await collectGarbage()
  const { heapUsed: heap, external, arrayBuffers: buffers, rss } = process.memoryUsage()
  return { heap, external, buffers, rss }
}
