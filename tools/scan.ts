/** A source text taken apart far enough to tell code from words. */
export interface Scanned {
  /** The text with comments, and what stands inside strings and regular expressions, blanked; same length. */
  readonly code: string
  /** The value of each plain string by the offset of its opening quote. */
  readonly strings: ReadonlyMap<number, string>
}

/** After one of these a slash begins a regular expression, not a division. */
const BEFORE_REGEX = /(?:^|[=(,:;!&|?{}[+\-*%<>~^]|\b(?:return|typeof|case|in|of|void|delete|throw|await|yield))\s*$/

/** Reads TypeScript once, keeping track of comments, strings, templates and regular expressions. */
export function scan(text: string): Scanned {
  const code = text.split('')
  const strings = new Map<number, string>()
  /** For each open `${`, how many braces are open inside it. */
  const templates: number[] = []
  let i = 0

  const blank = (from: number, to: number): void => {
    for (let at = from; at < to && at < code.length; at++) if (code[at] !== '\n') code[at] = ' '
  }
  /** Ends behind the closing quote of a plain string. */
  const string = (quote: string): void => {
    const start = i++
    while (i < text.length && text[i] !== quote && text[i] !== '\n') i += text[i] === '\\' ? 2 : 1
    strings.set(start, text.slice(start + 1, i))
    blank(start + 1, i++)
  }
  /** Ends behind the closing back-tick or behind `${`. */
  const template = (): void => {
    const start = i
    while (i < text.length && text[i] !== '`' && !text.startsWith('${', i)) i += text[i] === '\\' ? 2 : 1
    blank(start, i)
    if (text[i] === '`') i++
    else if (i < text.length) {
      templates.push(0)
      i += 2
    }
  }
  const regex = (): void => {
    const start = i++
    let inClass = false
    while (i < text.length && text[i] !== '\n' && (inClass || text[i] !== '/')) {
      if (text[i] === '[') inClass = true
      else if (text[i] === ']') inClass = false
      i += text[i] === '\\' ? 2 : 1
    }
    i++
    while (/[a-z]/.test(text[i] ?? '')) i++
    blank(start, i)
  }

  while (i < text.length) {
    const c = text[i]!
    if (text.startsWith('//', i)) {
      const end = text.indexOf('\n', i)
      blank(i, end < 0 ? text.length : end)
      i = end < 0 ? text.length : end
    } else if (text.startsWith('/*', i)) {
      const end = text.indexOf('*/', i + 2)
      blank(i, end < 0 ? text.length : end + 2)
      i = end < 0 ? text.length : end + 2
    } else if (c === "'" || c === '"') string(c)
    else if (c === '`') {
      i++
      template()
    } else if (c === '/' && BEFORE_REGEX.test(code.slice(Math.max(0, i - 40), i).join(''))) regex()
    else if (c === '{' && templates.length > 0) {
      templates[templates.length - 1]!++
      i++
    } else if (c === '}' && templates.length > 0) {
      i++
      if (templates[templates.length - 1] === 0) {
        templates.pop()
        template()
      } else templates[templates.length - 1]!--
    } else i++
  }
  return { code: code.join(''), strings }
}

/** What a file imports, and whether only when that line runs. */
export interface Import {
  readonly specifier: string
  readonly isLazy: boolean
}

/** Every `import`, `import type`, `export … from` and `import()` of a file. */
export function importsOf(source: Scanned): Import[] {
  const found: Import[] = []
  for (const match of source.code.matchAll(/(?<![.\w$])(?:(?:from|import)\s*|import\s*(\()\s*)(?=['"])/g)) {
    const specifier = source.strings.get(match.index + match[0].length)
    if (specifier !== undefined) found.push({ specifier, isLazy: match[1] !== undefined })
  }
  return found
}
