import { appendFileSync, closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { Writable } from 'node:stream'
import { NetError } from '../base/errors.ts'

/** Only its owner reads it: it says who connects from where. */
const MODE = 0o600

/** A file that lines are added to, which may be moved away by whoever rotates logs. A full disk loses lines, no more. */
export class LogFile extends Writable {
  readonly #path: string
  #descriptor: number

  /** @throws {NetError} EINVAL when it cannot be written. */
  constructor(path: string) {
    super({ decodeStrings: false })
    this.#path = path
    this.#descriptor = open(path)
  }

  /** Goes on in the file that has the name now. @throws {NetError} as the constructor; it goes on in the old one then. */
  reopen(): void {
    const next = open(this.#path)
    closeSync(this.#descriptor)
    this.#descriptor = next
  }

  /** At once: the last words of a process must not be lost. */
  override _write(text: string, _encoding: string, done: () => void): void {
    try {
      appendFileSync(this.#descriptor, text)
    } catch {
      // The next line may find room again.
    }
    done()
  }
}

function open(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true })
    return openSync(path, 'a', MODE)
  } catch (error) {
    const { message } = error as Error
    throw new NetError('EINVAL', `Cannot write the log to ${path}: ${message}. "log" names another file`)
  }
}
