import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { formatProblem, inOrder, type Problem } from './problem.ts'
import type { Environment, Source } from './source.ts'

/** Where a configuration is read, and what it is read with. */
export interface Origin {
  /** For messages, and other files are found beside it. */
  readonly file: string
  readonly env: Environment
  readonly isRoot: boolean
}

/** One configuration while it is being read: collects mistakes and warnings. */
export class Reading {
  readonly source: Source
  readonly origin: Origin
  readonly problems: Problem[]
  readonly #warnings: Problem[]

  constructor(source: Source, origin: Origin, whole?: Reading) {
    this.source = source
    this.origin = origin
    this.problems = whole?.problems ?? []
    this.#warnings = whole === undefined ? [] : whole.#warnings
  }

  /** The same for another file that belongs to it; what is found there is found here. */
  of(source: Source): Reading {
    return new Reading(source, { ...this.origin, file: resolve(source.file) }, this)
  }

  /** A mistake in the value at a path. */
  fail(path: readonly PropertyKey[], text: string): void {
    this.problems.push(this.source.problem(path, text))
  }

  /** What is allowed, but deserves to be said aloud. */
  warn(path: readonly PropertyKey[], text: string): void {
    this.#warnings.push(this.source.problem(path, text))
  }

  get warnings(): readonly string[] {
    return inOrder(this.#warnings).map(formatProblem)
  }

  /** An absolute path; what is relative is relative to the configuration. */
  resolve(path: string): string {
    return resolve(dirname(this.origin.file), path)
  }

  /** The absolute path of a file that must be there; a mistake is noted when it cannot be read. */
  resolveFile(path: readonly PropertyKey[], name: string): string {
    const file = this.resolve(name)
    try {
      accessSync(file, constants.R_OK)
    } catch (error) {
      this.fail(path, cannotRead(file, error))
    }
    return file
  }

  /** The text of another file that the value at a path names; undefined, with a mistake noted, when it cannot be read. */
  read(path: readonly PropertyKey[], name: string): string | undefined {
    const file = this.resolve(name)
    try {
      return readFileSync(file, 'utf8')
    } catch (error) {
      this.fail(path, cannotRead(file, error))
      return undefined
    }
  }

  /** The secret in a file of its own: its text without the line's end. Says so when others may read it. */
  readSecret(path: readonly PropertyKey[], name: string): string {
    const text = this.read(path, name)?.replace(/\r?\n$/, '')
    if (text === undefined) return ''
    this.warnIfOpen(path, name)
    if (text === '' || /[\x00-\x1f\x7f]/.test(text) || Buffer.byteLength(text) > 512) {
      this.fail(path, `${this.resolve(name)} must hold the password and nothing else, in one line of up to 512 octets`)
    }
    return text
  }

  /** Warns when others than its owner may read a file of secrets. */
  warnIfOpen(path: readonly PropertyKey[], name: string): void {
    const file = this.resolve(name)
    if (isOpenToOthers(file)) this.warn(path, `everybody on this machine may read ${file}; chmod o-r ${file}`)
  }
}

/** What the system says of a file, without the call that said it. */
export const cannotRead = (file: string, error: unknown): string =>
  `${file} cannot be read: ${(error as Error).message.split(',')[0]}`

/** Whether its mode lets everybody on this machine read a file. */
export const isOpenToOthers = (file: string): boolean =>
  ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o004) !== 0
