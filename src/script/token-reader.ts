import { ScriptSyntaxError } from './syntax-error.ts'
import type { Token, TokenKind } from './tokens.ts'

/** Reads tokens one after another, and says what is wrong where they are not what the grammar wants. */
export class TokenReader {
  readonly #tokens: readonly Token[]
  #at = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  /** The next token, or one further ahead. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!
  }

  next(): Token {
    const token = this.peek()
    this.#at++
    return token
  }

  is(kind: TokenKind, text?: string): boolean {
    return this.isAhead(0, kind, text)
  }

  isAhead(ahead: number, kind: TokenKind, text?: string): boolean {
    const token = this.peek(ahead)
    return token.kind === kind && (text === undefined || token.text === text)
  }

  /** Takes the next token if it is that one. */
  take(kind: TokenKind, text?: string): Token | undefined {
    return this.is(kind, text) ? this.next() : undefined
  }

  takeMark(mark: string): boolean {
    return this.take('mark', mark) !== undefined
  }

  expect(kind: TokenKind, wanted: string): Token {
    return this.take(kind) ?? this.fail(wanted)
  }

  expectMark(mark: string): void {
    if (!this.takeMark(mark)) this.fail(`"${mark}"`)
  }

  expectWord(...words: readonly string[]): string {
    const token = this.peek()
    if (token.kind === 'word' && words.includes(token.text)) return this.next().text
    return this.fail(words.map((word) => `"${word}"`).join(' or '))
  }

  /** A decimal integer within limits. */
  integer(wanted: string, least: number, most: number): number {
    const token = this.peek()
    const value = this.is('integer') ? Number(token.text) : Number.NaN
    if (!(value >= least && value <= most)) this.fail(`${wanted}, from ${least} to ${most}`)
    this.#at++
    return value
  }

  /** Throws: here stands something else than `wanted`. */
  fail(wanted: string, token = this.peek()): never {
    const seen = token.kind === 'end' ? token.text : `"${shorten(token.text)}"`
    throw new ScriptSyntaxError(token.line, token.column, `Expected ${wanted}, and here is ${seen}`)
  }

  /** Throws: what stands at `token` cannot be. */
  refuse(message: string, token = this.peek()): never {
    throw new ScriptSyntaxError(token.line, token.column, message)
  }
}

const shorten = (text: string): string => (text.length > 40 ? `${text.slice(0, 37)}...` : text)
