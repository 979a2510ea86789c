import type { Row } from '../rows.ts'
import { cell, markdown, median } from '../table.ts'

/** Why a run has no figure. */
export interface Failure {
  readonly failure: string
}

/** Tells a failure from whatever else a run may end with. */
export const isFailure = (outcome: object | number): outcome is Failure =>
  typeof (outcome as Partial<Failure>).failure === 'string'

/** What came of a run. */
export type Outcome = number | Failure

/** What a row's title ends with when the next is about another percentile of the same. */
const MEDIAN = /, p50$/

/** A table without ratios: the best user-space stack of a row in bold, and who beats ours named below. */
export class Ranking {
  readonly #titles: readonly string[]
  /** Whether a column competes: the kernel is what all are compared with. */
  readonly #competes: (title: string) => boolean
  readonly #isOurs: (title: string) => boolean
  readonly #lines: string[][]
  readonly #notes: string[] = []
  #heading = ''

  constructor(
    titles: readonly string[],
    roles: { competes: (title: string) => boolean; isOurs: (title: string) => boolean },
  ) {
    this.#titles = titles
    this.#competes = roles.competes
    this.#isOurs = roles.isOurs
    this.#lines = [['', ...titles]]
  }

  /** Adds a row; a column without outcomes was not measured. */
  add(row: Row, outcomes: ReadonlyMap<string, readonly Outcome[]>): void {
    const figures = this.#titles.map((title) =>
      (outcomes.get(title) ?? []).filter((outcome): outcome is number => typeof outcome === 'number'),
    )
    const better = (a: number, b: number): number => (row.up ? b - a : a - b)
    const ranked = this.#titles
      .flatMap((title, i) =>
        this.#competes(title) && figures[i]!.length > 0 ? [{ title, value: median(figures[i]!) }] : [],
      )
      .sort((a, b) => better(a.value, b.value))
    const best = ranked[0]?.title
    const cells = this.#titles.map((title, i) => {
      const all = outcomes.get(title) ?? []
      if (all.length === 0) return '–'
      const failed = all.length - figures[i]!.length
      const text = figures[i]!.length === 0 ? 'failed' : cell(figures[i]!, row.digits)
      return `${title === best ? `**${text}**` : text}${failed > 0 && failed < all.length ? ` (${failed} failed)` : ''}`
    })
    this.#lines.push([`${row.title}, ${row.unit}`, ...cells])
    // An indented row goes on with what the last one was about.
    const isMore = row.title.startsWith(' ')
    if (!isMore) this.#heading = row.title.replace(MEDIAN, '')
    const title = isMore ? `${this.#heading}, ${row.title.trim()}` : row.title
    if (best !== undefined && !this.#isOurs(best)) this.#notes.push(`${best} is ahead of us: ${title}`)
    for (const [name, all] of outcomes) {
      const failure = all.find(isFailure)
      if (failure !== undefined) this.#notes.push(`${name}, ${title}: ${failure.failure}`)
    }
  }

  toString(): string {
    return [markdown(this.#lines), '', ...new Set(this.#notes)].join('\n')
  }
}
