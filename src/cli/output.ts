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
  #failure: Error | undefined
  #failed: Stream | undefined
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
    this.#stdout.on('error', (error) => this.#onError(this.#stdout, error))
    this.#stderr.on('error', (error) => this.#onError(this.#stderr, error))
  }

  /** Whether nothing more can be written: the reader is gone, as in `gotcp dump | head`, or a write failed. */
  get closed(): boolean {
    return this.#closed
  }

  /** Why a write failed, the disk being full for one; undefined when all went well or the reader is gone. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Calls back once when nothing more can be written. */
  set onClosed(callback: (() => void) | undefined) {
    this.#onClosed = callback
    if (this.#closed) callback?.()
  }

  /** Whether somebody watches stderr, so that progress lines make sense. */
  get interactive(): boolean {
    return this.#stderr.isTTY === true && !this.json
  }

  /** Whether stdout is a terminal that shows colours, and can be drawn over. */
  get color(): boolean {
    return this.#colors.stdout
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

  /** The thing asked for, whatever the format: help, a completion script, a capture. */
  raw(text: string | Uint8Array): void {
    this.#write(this.#stdout, text)
  }

  /**
   * Bytes of the thing asked for; `bytes` may be used again when it resolves.
   * @throws EPIPE when the reader is gone, else the reason why a write failed
   */
  async bytes(bytes: Uint8Array): Promise<void> {
    if (this.#closed) throw this.#failure ?? readerGone()
    await new Promise<void>((resolve, reject) => {
      this.#stdout.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }

  /** Resolves when all that was printed has left this process, or never will. @throws the reason why a write failed */
  async flush(): Promise<void> {
    await Promise.all([this.#stdout, this.#stderr].map(emptied))
    if (this.#failure !== undefined) throw this.#failure
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

  /** A question, at the end of which the answer is typed. */
  ask(question: string): void {
    this.clearProgress()
    this.#write(this.#stderr, question)
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

  #write(stream: Stream, text: string | Uint8Array): void {
    // Why stdout failed can still be told on stderr; a reader who left both wants neither.
    if (!this.#closed || (this.#failed !== undefined && this.#failed !== stream)) stream.write(text)
  }

  #onError(stream: Stream, error: NodeJS.ErrnoException): void {
    if (error.code !== 'EPIPE' && !this.#closed) {
      const name = stream === this.#stdout ? 'stdout' : 'stderr'
      this.#failure = Object.assign(new Error(`cannot write to ${name}: ${error.message}`), { code: error.code })
      this.#failed = stream
    }
    this.#closed = true
    this.#onClosed?.()
  }
}

const readerGone = (): Error => Object.assign(new Error('the reader of our output is gone'), { code: 'EPIPE' })

/** Resolves when a stream has passed on all it was given, or has failed. */
const emptied = (stream: Stream): Promise<void> =>
  new Promise((resolve) => {
    // An error is told after the callback of the write that it ended.
    const done = (): void => void setImmediate(resolve)
    if (stream.destroyed || stream.writableLength === 0) done()
    else stream.once('close', done).write('', done)
  })
