import type { Writable } from 'node:stream'

/** Where a command writes; process.stdout and process.stderr, or a test's. */
export type Stream = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly fd?: number }

export interface OutputOptions {
  readonly stdout: Stream
  readonly stderr: Stream
  readonly env: NodeJS.ProcessEnv
  readonly json: boolean
  readonly noColor: boolean
}

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const
export type Style = keyof typeof STYLES

/** The version of the JSON records: fields may be added, never changed. */
const JSON_VERSION = 1

/**
 * What a command says. stdout carries the thing asked for, stderr everything
 * else; with `--json` stdout carries one JSON object a line and nothing else.
 */
export class Output {
  readonly json: boolean
  readonly #stdout: Stream
  readonly #stderr: Stream
  readonly #colors: { readonly stdout: boolean; readonly stderr: boolean }
  #progressShown = false
  #lines: Stream
  #closed = false
  #onClosed: (() => void) | undefined

  constructor(options: OutputOptions) {
    this.json = options.json
    this.#stdout = options.stdout
    this.#stderr = options.stderr
    this.#lines = options.stdout
    const wanted = !options.noColor && !options.env['NO_COLOR'] && options.env['TERM'] !== 'dumb'
    this.#colors = {
      stdout: wanted && options.stdout.isTTY === true,
      stderr: wanted && options.stderr.isTTY === true,
    }
    const onError = (error: NodeJS.ErrnoException): void => {
      if (error.code !== 'EPIPE') throw error
      this.#closed = true
      this.#onClosed?.()
    }
    this.#stdout.on('error', onError)
    this.#stderr.on('error', onError)
  }

  /** Whether the reader of our output is gone: `gotcp dump | head`. */
  get closed(): boolean {
    return this.#closed
  }

  /** Calls back once when the reader of our output goes away. */
  set onClosed(callback: (() => void) | undefined) {
    this.#onClosed = callback
    if (this.#closed) callback?.()
  }

  /** Whether somebody watches stderr, so that progress lines make sense. */
  get interactive(): boolean {
    return this.#stderr.isTTY === true && !this.json
  }

  /** Whether log lines may have colours. */
  get stderrColor(): boolean {
    return this.#colors.stderr
  }

  /** Keeps stdout for bytes: from now on `print` writes to stderr. */
  divert(): void {
    this.#lines = this.#stderr
  }

  /** A line of the thing asked for; with `--json` it is left out, for the records say it. */
  print(line = ''): void {
    if (!this.json) this.#write(this.#lines, line + '\n')
  }

  /** The descriptor behind stdout, for a writer of its own; undefined where there is none. */
  get stdoutDescriptor(): number | undefined {
    return this.#stdout.fd
  }

  /** A line of the thing asked for, whatever the format: help, a completion script, a listing. */
  raw(text: string): void {
    this.#write(this.#stdout, text)
  }

  /** Bytes of the thing asked for. False asks the caller to wait for `drained`. */
  bytes(bytes: Uint8Array): boolean {
    return this.#closed || this.#stdout.write(bytes)
  }

  /** Resolves when stdout takes more, or never will. */
  drained(): Promise<void> {
    if (this.#closed || !this.#stdout.writableNeedDrain) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        this.#stdout.off('drain', done).off('error', done).off('close', done)
        resolve()
      }
      this.#stdout.on('drain', done).on('error', done).on('close', done)
    })
  }

  /** One JSON record, with `--json` only: `{"v":1,"event":…}`. Keys are snake_case, times ms, sizes bytes. */
  record(event: string, fields: Readonly<Record<string, unknown>>): void {
    if (this.json) this.#write(this.#stdout, JSON.stringify({ v: JSON_VERSION, event, ...fields }) + '\n')
  }

  /** A line for the person: what is going on. */
  note(line: string): void {
    this.clearProgress()
    this.#write(this.#stderr, line + '\n')
  }

  warn(line: string): void {
    this.note(`${this.paint('yellow', 'warning:', 'stderr')} ${line}`)
  }

  /** What went wrong and what to do about it, in one line. */
  error(line: string, hint?: string): void {
    this.note(`${this.paint('red', 'gotcp:', 'stderr')} ${line}${hint === undefined ? '' : `; ${hint}`}`)
  }

  /** Replaces the progress line; nothing off a terminal. */
  progress(line: string): void {
    if (!this.interactive) return
    const room = (this.#stderr.columns ?? 80) - 1
    this.#write(this.#stderr, `\r\x1b[K${line.slice(0, room)}`)
    this.#progressShown = true
  }

  clearProgress(): void {
    if (!this.#progressShown) return
    this.#write(this.#stderr, '\r\x1b[K')
    this.#progressShown = false
  }

  /** Colours `text` where that stream shows colours; the words must carry the meaning alone. */
  paint(style: Style, text: string, stream: 'stdout' | 'stderr' = 'stdout'): string {
    return this.#colors[stream] ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text
  }

  #write(stream: Stream, text: string): void {
    if (!this.#closed) stream.write(text)
  }
}
