import { ScriptSyntaxError } from './syntax-error.ts'

export type TokenKind =
  | 'word'
  | 'integer'
  | 'hex'
  | 'float'
  | 'text'
  | 'shell'
  | 'code'
  | 'address'
  | 'option'
  | 'ellipsis'
  | 'mark'
  | 'end'

/** A piece of a script. Quotes and brackets around texts are taken off. */
export interface Token {
  readonly kind: TokenKind
  readonly text: string
  readonly line: number
  readonly column: number
}

type Rule = readonly [kind: TokenKind | 'space', pattern: RegExp]

/** Tried in this order; of those that match the longest wins, and of equally long ones the first. */
const RULES: readonly Rule[] = [
  ['space', /\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\//y],
  ['code', /%\{[\s\S]*?\}%/y],
  ['shell', /`(?:\\[\s\S]|[^`\\])*`/y],
  ['text', /"(?:\\[\s\S]|[^"\\])*"/y],
  ['ellipsis', /\.\.\./y],
  ['option', /--[a-zA-Z0-9_]+/y],
  ['address', /\d+\.\d+\.\d+\.\d+/y],
  ['address', /[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{1,4}){0,6}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4})*)?/y],
  ['address', /[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){7}/y],
  ['float', /-?\d*\.\d+/y],
  ['integer', /-?\d+/y],
  ['hex', /0x[0-9a-fA-F]+/y],
  ['word', /[a-zA-Z0-9_]+/y],
  ['mark', /[^\s]/y],
]

/** What stands around the words of a token, by kind: so many characters on either side. */
const DELIMITERS: Partial<Record<TokenKind, number>> = { code: 2, shell: 1, text: 1 }
const OPENERS: readonly (readonly [opener: string, name: string])[] = [
  ['%{', 'code'],
  ['`', 'shell text'],
  ['"', 'text'],
  ['/*', 'comment'],
]

/** Takes a script apart. Throws a ScriptSyntaxError for what is opened and never closed. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  let lineStart = 0
  let at = 0
  while (at < source.length) {
    const [kind, text] = longest(source, at)
    const column = at - lineStart + 1
    const open = kind === 'mark' ? OPENERS.find(([opener]) => source.startsWith(opener, at)) : undefined
    if (open !== undefined) throw new ScriptSyntaxError(line, column, `The ${open[1]} that begins here has no end`)
    if (kind !== 'space') {
      const cut = DELIMITERS[kind] ?? 0
      const words = kind === 'option' ? text.slice(2) : text.slice(cut, text.length - cut)
      tokens.push({ kind, text: words, line, column })
    }
    for (let i = source.indexOf('\n', at); i >= 0 && i < at + text.length; i = source.indexOf('\n', i + 1)) {
      line++
      lineStart = i + 1
    }
    at += text.length
  }
  tokens.push({ kind: 'end', text: 'the end of the script', line, column: at - lineStart + 1 })
  return tokens
}

function longest(source: string, at: number): readonly [kind: TokenKind | 'space', text: string] {
  let best: readonly [kind: TokenKind | 'space', text: string] = ['mark', source[at]!]
  let length = 0
  for (const [kind, pattern] of RULES) {
    pattern.lastIndex = at
    const text = pattern.exec(source)?.[0]
    if (text !== undefined && text.length > length) {
      best = [kind, text]
      length = text.length
    }
  }
  return best
}
