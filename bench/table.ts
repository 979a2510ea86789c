import type { Row } from './rows.ts'

/** Figures of all rounds by subject. */
export type Samples = ReadonlyMap<string, readonly number[]>

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)

export function median(values: readonly number[]): number {
  const all = sorted(values)
  const middle = all.length >> 1
  return all.length % 2 === 1 ? all[middle]! : (all[middle - 1]! + all[middle]!) / 2
}

/** The median, and the least and the greatest in brackets. */
export function cell(values: readonly number[], digits: number): string {
  const all = sorted(values)
  const spread = all.length > 1 ? ` [${all[0]!.toFixed(digits)}–${all.at(-1)!.toFixed(digits)}]` : ''
  return median(all).toFixed(digits) + spread
}

/** Lines of cells as a Markdown table: the first line is its head, the first column its titles. */
export function markdown(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)))
  const text = (line: readonly string[]): string =>
    `| ${line.map((part, i) => (i === 0 ? part.padEnd(widths[i]!) : part.padStart(widths[i]!))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => '-'.repeat(width + 1) + (i === 0 ? '-' : ':')).join('|')}|`
  const [head, ...body] = lines.map(text)
  return [head, rule, ...body].join('\n')
}

/** A Markdown table: the first subject is what the others are compared with. */
export class Table {
  readonly #subjects: readonly string[]
  readonly #lines: string[][] = []

  constructor(subjects: readonly string[]) {
    this.#subjects = subjects
    this.#lines.push(['', ...subjects.flatMap((subject, i) => (i === 0 ? [subject] : [subject, 'ratio']))])
  }

  add(row: Row, samples: Samples): void {
    const [base, ...others] = this.#subjects.map((subject) => samples.get(subject)!)
    const cells = [`${row.title}, ${row.unit}`, cell(base!, row.digits)]
    for (const values of others) {
      const ratio = row.up ? median(values) / median(base!) : median(base!) / median(values)
      cells.push(cell(values, row.digits), ratio.toFixed(2))
    }
    this.#lines.push(cells)
  }

  toString(): string {
    return markdown(this.#lines)
  }
}
