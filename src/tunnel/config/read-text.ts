import { closeSync, openSync, readSync } from 'node:fs'
import { NetError } from '../../base/errors.ts'
import { cannotRead } from './reading.ts'

/** Octets of a configuration at most: no daemon needs more, and what is not one at all is told before it fills the memory. */
const MOST = 1_048_576
const CHUNK = 65_536

/** The text of a file, which may be a pipe. @throws {NetError} ERR_CONFIG when it cannot be read, is too long or is no text */
export function readText(path: string): string {
  const collected = new Collected(path)
  try {
    const file = openSync(path, 'r')
    try {
      for (let count = -1; count !== 0; ) {
        const chunk = Buffer.alloc(CHUNK)
        count = readSync(file, chunk)
        collected.add(chunk.subarray(0, count))
      }
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw error instanceof NetError ? error : new NetError('ERR_CONFIG', cannotRead(path, error))
  }
  return collected.text
}

/** The text of a stream, by the name that it has in messages. @throws as `readText` */
export async function readStreamText(stream: AsyncIterable<Buffer>, name: string): Promise<string> {
  const collected = new Collected(name)
  for await (const chunk of stream) collected.add(chunk)
  return collected.text
}

class Collected {
  readonly #name: string
  readonly #chunks: Buffer[] = []
  #octets = 0

  constructor(name: string) {
    this.#name = name
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#octets += chunk.length
    if (this.#octets > MOST) {
      throw new NetError('ERR_CONFIG', `${this.#name} has more than 1 MiB; is it a configuration at all?`)
    }
  }

  get text(): string {
    const text = Buffer.concat(this.#chunks).toString('utf8')
    if (!text.includes('\0')) return text
    throw new NetError('ERR_CONFIG', `${this.#name} is no text in UTF-8; write it as YAML or JSON`)
  }
}
