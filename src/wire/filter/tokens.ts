import { FilterSyntaxError } from './syntax-error.ts'

const MAX_LENGTH = 16384
const MAX_PARENTHESES = 64

export interface Token {
  readonly text: string
  readonly at: number
}

/** Two-character operators first; then words, which may hold the dots, colons and slashes of addresses. */
const PATTERN = /\s*(?:(&&|\|\||==|!=|<=|>=|<<|>>)|([()[\]!&|^+*%/=<>,-])|((?:::|[\w.])[\w.:/-]*)|(\S))/gy
/** A colon within brackets is an operator: `tcp[12:1]`. */
const IN_BRACKETS = /\s*(?:(&&|\|\||==|!=|<=|>=|<<|>>)|([()[\]!&|^+*%/=<>:,-])|([A-Za-z][\w-]*|\w+)|(\S))/gy

/**
 * Cuts an expression into words and operators. A backslash, by which libpcap tells a name from a word of its
 * language (`proto \\udp`), is passed over.
 * @throws FilterSyntaxError at a character that belongs to neither
 */
export function tokenize(text: string): Token[] {
  if (text.length > MAX_LENGTH)
    throw new FilterSyntaxError(`a filter is at most ${MAX_LENGTH} characters long`, MAX_LENGTH)
  const source = text.replaceAll('\\', ' ')
  const tokens: Token[] = []
  let parentheses = 0
  let at = 0
  let depth = 0
  while (at < text.length) {
    const pattern = depth > 0 ? IN_BRACKETS : PATTERN
    pattern.lastIndex = at
    const match = pattern.exec(source)
    if (match === null) break
    const [whole, double, single, word, stray] = match
    const from = at + whole.length - (double ?? single ?? word ?? stray ?? '').length
    if (stray !== undefined) throw new FilterSyntaxError(`"${stray}" does not belong in a filter`, from)
    const token = double ?? single ?? word!
    if (token === '(' && ++parentheses > MAX_PARENTHESES) throw new FilterSyntaxError('too many parentheses', from)
    if (token === '[') depth++
    if (token === ']') depth--
    tokens.push({ text: token, at: from })
    at += whole.length
  }
  return tokens
}
