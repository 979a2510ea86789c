import { constants, fstatSync, openSync, write } from 'node:fs'
import { open } from 'node:fs/promises'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { isatty } from 'node:tty'
import { promisify } from 'node:util'
import type { Output } from '../output.ts'

const writeTo = promisify(write)

/** Where received bytes go. */
export interface Sink {
  /** Resolves when the bytes are taken, so that their memory may be used again. Rejects with EPIPE when nobody reads. */
  write(chunk: Uint8Array): Promise<void>
  /** Whether a person reads it: then nothing else may be written between. */
  readonly isRead: boolean
  close(): Promise<void>
}

const nothing = async (): Promise<void> => {}

/** Takes everything and keeps nothing. */
export const discardSink: Sink = { write: nothing, isRead: false, close: nothing }

/** A file, made or emptied. @throws ENOENT, EACCES, EISDIR */
export async function fileSink(path: string): Promise<Sink> {
  const file = await open(path, 'w', 0o644)
  return { write: (chunk) => writeAll(file.fd, chunk), isRead: false, close: () => file.close() }
}

/**
 * The command's stdout. A pipe whose reader is slow must not stop our stack, so it is written without blocking,
 * by a description of its own: others that hold the same pipe are not affected.
 */
export function stdoutSink(output: Output): Sink {
  const descriptor = output.stdoutDescriptor
  if (descriptor === undefined) return outputSink(output)
  const kind = fstatSync(descriptor)
  if (kind.isFile()) return { write: (chunk) => writeAll(descriptor, chunk), isRead: false, close: nothing }
  if (!kind.isFIFO()) return outputSink(output)
  try {
    return pipeSink(openSync(`/proc/self/fd/${descriptor}`, constants.O_WRONLY | constants.O_NONBLOCK))
  } catch {
    // The pipe belongs to another user.
    return outputSink(output)
  }
}

const outputSink = (output: Output): Sink => ({
  write: (chunk) => output.bytes(chunk),
  isRead: output.stdoutDescriptor !== undefined && isatty(output.stdoutDescriptor),
  close: nothing,
})

function pipeSink(fd: number): Sink {
  const pipe = new Socket({ fd, readable: false, writable: true })
  // Every failure is told by the callback of its write.
  pipe.on('error', () => undefined)
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => pipe.write(chunk, (error) => (error ? reject(error) : resolve()))),
    isRead: false,
    close: async () => void pipe.destroy(),
  }
}

async function writeAll(fd: number, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    try {
      at += (await writeTo(fd, chunk, at, chunk.length - at, null)).bytesWritten
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      await sleep(1)
    }
  }
}

/** Whether an error says that nobody reads our output any more: `gotcp … | head`. */
export const isReaderGone = (error: unknown): boolean =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === 'EPIPE' && error.name !== 'NetError'
