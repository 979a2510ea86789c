/** One simple command of a shell text: its words, quotes taken off, and where its output goes. */
export interface ShellCommand {
  readonly words: readonly string[]
  /** The file its output is written to, when that is not /dev/null. */
  readonly output: string | undefined
  /** As it stands in the text. */
  readonly text: string
}

/**
 * Takes a shell text apart into simple commands: comments, continuation lines, quotes, `$((…))` and redirections are
 * understood; anything beyond that stays as it is, for nothing of it is ever run.
 */
export function shellCommands(text: string): ShellCommand[] {
  const lines = text.replaceAll(/\\\n/g, ' ').split('\n')
  return lines.flatMap((line) => splitCommands(line).flatMap((part) => command(part) ?? []))
}

/** Cuts a line at `;`, `&&`, `||`, `|` and before a comment, where they stand outside of quotes. */
function splitCommands(line: string): string[] {
  const parts: string[] = []
  let part = ''
  let quote = ''
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!
    if (quote !== '') {
      if (char === quote) quote = ''
      part += char
    } else if (char === '"' || char === "'") {
      quote = char
      part += char
    } else if (char === '#' && (part === '' || part.endsWith(' '))) break
    else if (char === ';' || char === '|' || (char === '&' && line[i + 1] === '&')) {
      parts.push(part)
      part = ''
      if (line[i + 1] === char) i++
    } else part += char
  }
  return [...parts, part]
}

function command(part: string): ShellCommand | undefined {
  const text = part.trim()
  if (text === '') return undefined
  const words: string[] = []
  let output: string | undefined
  const all = splitWords(arithmetic(text))
  for (let i = 0; i < all.length; i++) {
    const word = all[i]!
    const redirection = /^(\d?)>>?(&\d|.*)$/.exec(word)
    if (redirection === null) words.push(word)
    else if (!redirection[2]?.startsWith('&')) {
      const target = redirection[2] === '' ? (all[++i] ?? '') : redirection[2]!
      if (redirection[1] !== '2' && target !== '/dev/null') output = target
    }
  }
  return { words, output, text }
}

/** Words at blanks outside of quotes; the quotes are taken off. */
function splitWords(text: string): string[] {
  return [...text.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, (_all, double: string | undefined, single: string | undefined) =>
      double === undefined ? (single ?? '') : double,
    ),
  )
}

/** Replaces `$((…))` of whole numbers by its value. */
function arithmetic(text: string): string {
  return text.replaceAll(/\$\(\(([\d\s+*-]*)\)\)/g, (_all, sum: string) =>
    String(
      sum
        .replaceAll(/\s/g, '')
        .replaceAll('-', '+-')
        .split('+')
        .map((product) => product.split('*').reduce((value, factor) => value * Number(factor), 1))
        .reduce((value, product) => value + product, 0),
    ),
  )
}
