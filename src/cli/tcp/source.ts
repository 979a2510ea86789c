import { type FileHandle, open } from 'node:fs/promises'
import type { Io } from '../io.ts'

/** Large enough that a chunk's own cost does not matter, small enough for the cache. */
export const CHUNK = 256 * 1024

/** Bytes to be sent. */
export interface Source {
  /** The next bytes, good until the next call; undefined at the end. */
  next(): Promise<Uint8Array | undefined>
  /** Whether a person types it: then the end of the peer's stream ends ours. */
  readonly isTyped: boolean
  close(): Promise<void>
}

const nothing = async (): Promise<void> => {}

/** What is typed or piped into the command. */
export function stdinSource(stdin: Io['stdin']): Source {
  const chunks = stdin.iterator({ destroyOnReturn: false })
  return {
    isTyped: stdin.isTTY === true,
    next: async () => {
      const { done, value } = await chunks.next()
      return done === true ? undefined : typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array)
    },
    close: nothing,
  }
}

/** A file, read one chunk ahead of what is being sent. @throws ENOENT, EACCES, EISDIR */
export async function fileSource(path: string): Promise<Source> {
  const file = await open(path, 'r')
  if ((await file.stat()).isDirectory()) {
    await file.close()
    throw Object.assign(new Error(`cannot send ${path}: it is a directory (EISDIR)`), { code: 'EISDIR' })
  }
  const buffers = [new Uint8Array(CHUNK), new Uint8Array(CHUNK)]
  let turn = 0
  const fill = (): Promise<Uint8Array> => {
    turn ^= 1
    return readChunk(file, buffers[turn]!)
  }
  let ahead = fill()
  // A failure is told by the call that wants the chunk.
  ahead.catch(() => undefined)
  return {
    isTyped: false,
    next: async () => {
      const chunk = await ahead
      if (chunk.length === 0) return undefined
      ahead = fill()
      ahead.catch(() => undefined)
      return chunk
    },
    close: async () => {
      await ahead.catch(() => undefined)
      await file.close()
    },
  }
}

async function readChunk(file: FileHandle, buffer: Uint8Array): Promise<Uint8Array> {
  const { bytesRead } = await file.read(buffer, 0, buffer.length)
  return buffer.subarray(0, bytesRead)
}

/** Made-up bytes: the same 256 KiB again and again, `total` in all. */
export function generatedSource(total: number): Source {
  const block = generatedBlock()
  let left = total
  return {
    isTyped: false,
    next: async () => {
      if (left === 0) return undefined
      const count = Math.min(left, block.length)
      left -= count
      return block.subarray(0, count)
    },
    close: nothing,
  }
}

function generatedBlock(): Uint8Array {
  const words = new Uint32Array(CHUNK / 4)
  let state = 1
  for (let i = 0; i < words.length; i++) {
    // Numerical Recipes' linear congruential generator: no two neighbours alike, which is all that is asked of it.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    words[i] = state
  }
  return new Uint8Array(words.buffer)
}
