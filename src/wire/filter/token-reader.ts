import { FilterSyntaxError } from './syntax-error.ts'
import { type Token, tokenize } from './tokens.ts'

/** Reads the tokens of an expression one by one; behind the last, an empty one. */
export class TokenReader {
  readonly #tokens: readonly Token[]
  readonly #end: Token
  #next = 0

  constructor(text: string) {
    this.#tokens = tokenize(text)
    this.#end = { text: '', at: text.length }
  }

  get peek(): Token {
    return this.ahead(0)
  }

  get position(): number {
    return this.#next
  }

  /** Goes back to an earlier `position`. */
  rewind(position: number): void {
    this.#next = position
  }

  ahead(count: number): Token {
    return this.#tokens[this.#next + count] ?? this.#end
  }

  take(): Token {
    const token = this.peek
    if (this.#next < this.#tokens.length) this.#next++
    return token
  }

  /** Takes the next token if it is one of `texts`. */
  accept(...texts: readonly string[]): boolean {
    if (!texts.includes(this.peek.text)) return false
    this.#next++
    return true
  }

  /** @throws FilterSyntaxError when something else comes */
  expect(text: string): void {
    if (!this.accept(text)) this.fail(`expected "${text}"`)
  }

  /** @throws FilterSyntaxError always, at the next token or the one given */
  fail(message: string, token: Token = this.peek): never {
    const found = token.text === '' ? 'the filter ends there' : `found "${token.text}"`
    throw new FilterSyntaxError(`${message}; ${found}`, token.at)
  }
}
