import { NetError } from '../../base/errors.ts'

/** A mistake in a configuration file, or what deserves a warning. */
export interface Problem {
  readonly file: string
  /** From 1; 0 where it concerns no line. */
  readonly line: number
  readonly column: number
  /** The key's path: `services[1].connect`; empty for the whole file. */
  readonly key: string
  /** What is there, what is expected, and the fix. */
  readonly text: string
}

/** `server.yaml:3:5: services[0].connect: …`. */
export function formatProblem({ file, line, column, key, text }: Problem): string {
  const where = line === 0 ? file : `${file}:${line}:${column}`
  return key === '' ? `${where}: ${text}` : `${where}: ${key}: ${text}`
}

/** In the order of the file. */
export const inOrder = (problems: readonly Problem[]): readonly Problem[] =>
  [...problems].sort((a, b) => a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column)

/** A configuration that cannot be used, with everything that is wrong with it. Its code is ERR_CONFIG. */
export class ConfigError extends NetError {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const sorted = inOrder(problems)
    const lines = sorted.map(formatProblem)
    const heading = `${sorted.length} mistakes in ${sorted[0]!.file}:`
    super('ERR_CONFIG', lines.length === 1 ? lines[0]! : [heading, ...lines].join('\n'))
    this.problems = sorted
  }
}

/** The path of a key, as people write it: `services[1].connect`. */
export function formatKey(path: readonly PropertyKey[]): string {
  let key = ''
  for (const part of path) {
    if (typeof part === 'number') key += `[${part}]`
    else key += key === '' ? String(part) : `.${String(part)}`
  }
  return key
}
