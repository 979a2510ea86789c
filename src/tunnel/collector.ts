import { setFlagsFromString } from 'node:v8'

/** Objects and buffers together may grow to so many times what the last collection has left, less one, in per cent. */
const GROWTH = 300

/**
 * Has V8 let garbage wait, for the whole process. What comes out of sockets is many small things and large buffers, 64 KiB
 * for each read, which live for a round trip; beside a heap of 20 MB their sum looks like growth to V8, so that it marks all
 * of the heap forty times for each gigabyte, which takes as long as everything else. Collecting what is young disposes of
 * them just as well, and of nothing else is there much.
 */
export function letGarbageWait(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH}`)
}
