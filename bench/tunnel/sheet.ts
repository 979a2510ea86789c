import { cell, markdown, median } from '../table.ts'

/** One figure that every subject of a part has. */
export interface Column {
  readonly title: string
  readonly digits: number
  /** Also prints how many times the first subject's it is. */
  readonly isCompared?: boolean
}

/** Whether a figure is what it is meant to be. */
export interface Verdict {
  readonly what: string
  readonly figure: number
  readonly digits?: number
  /** In the figure's unit, one of the two. */
  readonly least?: number
  readonly most?: number
}

export const isMet = ({ figure, least = -Infinity, most = Infinity }: Verdict): boolean =>
  figure >= least && figure <= most

/** What a part of the bench has found: a row for each subject, the first of which the others are compared with. */
export class Sheet {
  readonly title: string
  readonly notes: string[] = []
  readonly verdicts: Verdict[] = []
  readonly #columns: readonly Column[]
  readonly #rows = new Map<string, number[][]>()

  constructor(title: string, columns: readonly Column[]) {
    this.title = title
    this.#columns = columns
  }

  get subjects(): readonly string[] {
    return [...this.#rows.keys()]
  }

  /** A round's figures of a subject, in the columns' order; NaN where it has none. */
  add(subject: string, figures: readonly number[]): void {
    const row = this.#rows.get(subject) ?? this.#columns.map(() => [])
    this.#rows.set(subject, row)
    for (const [i, values] of row.entries()) if (!Number.isNaN(figures[i]!)) values.push(figures[i]!)
  }

  /** The median of a subject's figures in a column; undefined where there are none. */
  median(subject: string, column: string): number | undefined {
    const values = this.#rows.get(subject)?.[this.#columns.findIndex(({ title }) => title === column)] ?? []
    return values.length === 0 ? undefined : median(values)
  }

  /** Notes what a subject's figure has to be, if it has one. */
  expect(subject: string, column: string, bounds: Pick<Verdict, 'least' | 'most'>): void {
    const figure = this.median(subject, column)
    const { digits } = this.#columns.find(({ title }) => title === column)!
    if (figure !== undefined) this.verdicts.push({ what: `${subject}: ${column}`, figure, digits, ...bounds })
  }

  toJSON(): object {
    const name = (values: readonly number[][]): object =>
      Object.fromEntries(values.map((each, i) => [this.#columns[i]!.title, each]))
    return {
      title: this.title,
      rows: [...this.#rows].map(([subject, values]) => ({ subject, ...name(values) })),
      notes: this.notes,
      targets: this.verdicts.map((verdict) => ({ ...verdict, met: isMet(verdict) })),
    }
  }

  toString(): string {
    const first = [...this.#rows.values()][0] ?? []
    const ratio = (values: readonly number[], i: number): string =>
      values.length === 0 || first[i]!.length === 0 ? '' : (median(values) / median(first[i]!)).toFixed(2)
    const head = this.#columns.flatMap(({ title, isCompared }) => (isCompared ? [title, '× first'] : [title]))
    const body = [...this.#rows].map(([subject, row]) => [
      subject,
      ...this.#columns.flatMap(({ digits, isCompared }, i) => {
        const text = row[i]!.length === 0 ? '' : cell(row[i]!, digits)
        return isCompared ? [text, ratio(row[i]!, i)] : [text]
      }),
    ])
    const verdicts = this.verdicts.map(
      (verdict) => `${isMet(verdict) ? 'met   ' : 'MISSED'} ${verdict.what} ${sentence(verdict)}`,
    )
    return [this.title, '', markdown([['', ...head], ...body]), '', ...this.notes, ...verdicts].join('\n')
  }
}

function sentence({ figure, digits = 0, least, most }: Verdict): string {
  const bound = Number((least ?? most)!.toFixed(2))
  return `${figure.toFixed(digits)}, ${least === undefined ? 'at most' : 'at least'} ${bound} is wanted`
}
