import type { FailureReport, ScriptResult } from '../../script/run-script.ts'
import type { Output } from '../output.ts'
import { formatMs, plural } from '../units.ts'

/** What came of one file: it ran, or it could not be, for a reason with its place in the file. */
export type Outcome =
  | { readonly file: string; readonly took: number; readonly result: ScriptResult }
  | { readonly file: string; readonly took: number; readonly error: string }

/** Says what came of scripts: a line each, more for those that failed, and the sum. */
export class Report {
  readonly #output: Output
  readonly #counts = { passed: 0, failed: 0, unreadable: 0 }
  readonly #skipped = new Set<string>()
  #took = 0

  constructor(output: Output) {
    this.#output = output
  }

  get counts(): Readonly<Record<'passed' | 'failed' | 'unreadable', number>> {
    return this.#counts
  }

  add(outcome: Outcome): void {
    const { file, took } = outcome
    this.#took += took
    if ('error' in outcome) {
      this.#counts.unreadable++
      this.#line('unreadable', outcome)
      this.#output.print(`      ${outcome.error}`)
      this.#output.record('script', { file, outcome: 'unreadable', took_ms: took, error: outcome.error })
      return
    }
    const { result } = outcome
    const word = result.passed ? 'passed' : 'failed'
    this.#counts[word]++
    this.#line(word, outcome)
    for (const text of result.printed) this.#output.print(`      ${text}`)
    if (result.failure !== undefined) this.#explain(file, result.failure)
    for (const text of result.skipped) this.#skip(file, text)
    this.#output.record('script', {
      file,
      outcome: word,
      took_ms: took,
      script_ms: result.elapsed / 1000,
      skipped: result.skipped,
      printed: result.printed,
      failure: result.failure === undefined ? null : recordOf(result.failure),
    })
  }

  summarize(): void {
    const { passed, failed, unreadable } = this.#counts
    const parts = [`${passed} passed`, `${failed} failed`]
    if (unreadable > 0) parts.push(`${unreadable} could not be run`)
    const total = passed + failed + unreadable
    if (total > 1) this.#output.note(`${plural(total, 'script')}: ${parts.join(', ')} (${formatMs(this.#took)})`)
    this.#output.record('summary', { ...this.#counts, took_ms: this.#took })
  }

  #line(word: 'passed' | 'failed' | 'unreadable', { file, took }: Outcome): void {
    const style = word === 'passed' ? 'green' : 'red'
    const mark = word === 'passed' ? 'ok    ' : 'not ok'
    this.#output.print(`${this.#output.paint(style, mark)}  ${formatMs(took).padStart(8)}  ${file}`)
  }

  #explain(file: string, failure: FailureReport): void {
    const { line, at, expected, seen, packets, unread, connection } = failure
    const lines = [
      `${file}:${line}: after ${(at / 1e6).toFixed(6)} s`,
      `expected  ${expected}`,
      `saw       ${seen}`,
      ...(connection === undefined ? [] : [`socket    ${connection}`]),
      ...(packets.length === 0 ? [] : ['the last packets (> from the stack, < from the script):']),
      ...packets.map((packet) => `  ${packet}`),
      ...(unread.length === 0 ? [] : ['of these the script has not looked at:']),
      ...unread.map((packet) => `  ${packet}`),
    ]
    for (const text of lines) this.#output.print(`      ${text}`)
  }

  /** Names what a script asks of a machine that this one is not; the same words once. */
  #skip(file: string, text: string): void {
    if (this.#skipped.has(text)) return
    this.#skipped.add(text)
    this.#output.note(`${file}: skipped, not run: ${text}`)
  }
}

const recordOf = ({ line, at, expected, seen, packets, unread, connection }: FailureReport) => ({
  line,
  at_ms: at / 1000,
  expected,
  seen,
  packets,
  unread,
  connection: connection ?? null,
})
