import { CodeError, type CodeToken, codeTokensOf } from './code-tokens.ts'
import { type CodeValue, combine, formatValue, isTrue } from './code-value.ts'

/** What a block of code did. */
export interface CodeOutcome {
  readonly printed: readonly string[]
  /** The first assertion that does not hold, with what its values were. */
  readonly failure: CodeFailure | undefined
}

export interface CodeFailure {
  /** Lines below the opening bracket. */
  readonly line: number
  /** The assertion as it is written. */
  readonly expected: string
  /** The message it gives, or the values of the names in it. */
  readonly seen: string
}

/** Expressions nest no deeper than anybody writes by hand. */
const MAX_DEPTH = 64
/** Operators of two sides, loosest first; comparisons stand apart, because they form chains. */
const LEVELS: readonly (readonly string[])[] = [['|'], ['^'], ['&'], ['<<', '>>'], ['+', '-'], ['*', '/', '//', '%']]
const COMPARISONS = ['==', '!=', '<', '<=', '>', '>=']
const FUNCTIONS: Readonly<Record<string, (values: readonly number[]) => number>> = {
  abs: ([value = 0]) => Math.abs(value),
  int: ([value = 0]) => Math.trunc(value),
  round: ([value = 0]) => Math.round(value),
  min: (values) => Math.min(...values),
  max: (values) => Math.max(...values),
}

/**
 * Runs the code between `%{` and `}%`: the part of Python that assertions are written in. That is assignments, `assert`,
 * `print`, and expressions of numbers and texts. What it assigns stays in `variables` for the next block.
 * @throws {CodeError} for anything else, and for names that nobody knows.
 */
export function runCode(code: string, variables: Map<string, CodeValue>): CodeOutcome {
  return new Interpreter(codeTokensOf(code), variables).run()
}

class Interpreter {
  readonly #tokens: readonly CodeToken[]
  readonly #variables: Map<string, CodeValue>
  readonly #printed: string[] = []
  #at = 0
  #depth = 0

  constructor(tokens: readonly CodeToken[], variables: Map<string, CodeValue>) {
    this.#tokens = tokens
    this.#variables = variables
  }

  run(): CodeOutcome {
    let failure: CodeFailure | undefined
    while (failure === undefined && this.#next.kind !== 'end') {
      if (this.#next.kind === 'end of statement') this.#at++
      else {
        failure = this.#statement()
        if (!this.#atEnd) this.#fail(`Expected the end of the statement, and here is "${this.#next.text}"`)
      }
    }
    return { printed: this.#printed, failure }
  }

  get #next(): CodeToken {
    return this.#tokens[this.#at]!
  }

  get #atEnd(): boolean {
    return this.#next.kind === 'end' || this.#next.kind === 'end of statement'
  }

  #statement(): CodeFailure | undefined {
    if (this.#takeName('assert')) return this.#assert()
    const { kind, text } = this.#next
    const operator = this.#tokens[this.#at + 1]!
    if (kind === 'name' && operator.kind === 'operator' && /^([-+*/%&|^]|\/\/|<<|>>)?=$/.test(operator.text)) {
      this.#at += 2
      const value = this.#tuple()
      const before = operator.text === '=' ? undefined : this.#lookUp(text)
      this.#variables.set(text, before === undefined ? value : this.#combine(operator.text.slice(0, -1), before, value))
    } else if (this.#takeName('print')) this.#print()
    else this.#tuple()
    return undefined
  }

  #assert(): CodeFailure | undefined {
    const begin = this.#at
    const holds = isTrue(this.#expression())
    const condition = this.#tokens.slice(begin, this.#at)
    const message = this.#take(',') ? formatValue(this.#expression()) : undefined
    if (holds) return undefined
    const expected = condition.map(({ kind, text }) => (kind === 'text' ? `'${text}'` : text)).join(' ')
    const names = new Set(condition.filter(({ kind, text }) => kind === 'name' && this.#variables.has(text)))
    const values = [...names].map(({ text }) => `${text} ${formatValue(this.#variables.get(text)!)}`)
    const seen = [...new Set(values)].join(', ')
    return { line: condition[0]?.line ?? 0, expected, seen: message === undefined ? seen : `${message} (${seen})` }
  }

  #print(): void {
    if (!this.#take('(')) this.#fail('Expected "(" behind print')
    this.#printed.push(this.#items(')').map(formatValue).join(' '))
  }

  /** One expression, or several with commas between them as a tuple. */
  #tuple(): CodeValue {
    const first = this.#expression()
    if (!this.#is(',')) return first
    const items = [first]
    while (this.#take(',')) if (!this.#atEnd) items.push(this.#expression())
    return items
  }

  #expression(): CodeValue {
    if (++this.#depth > MAX_DEPTH) this.#fail('The expression nests too deeply')
    let left = this.#conjunction()
    while (this.#takeName('or')) {
      const right = this.#conjunction()
      left = isTrue(left) ? left : right
    }
    this.#depth--
    return left
  }

  #conjunction(): CodeValue {
    let left = this.#negation()
    while (this.#takeName('and')) {
      const right = this.#negation()
      left = isTrue(left) ? right : left
    }
    return left
  }

  #negation(): CodeValue {
    let isNegated = false
    let isLogical = false
    while (this.#takeName('not')) {
      isNegated = !isNegated
      isLogical = true
    }
    const value = this.#comparison()
    return isLogical ? isTrue(value) !== isNegated : value
  }

  /** `a <= b <= c` holds when both do. */
  #comparison(): CodeValue {
    let left = this.#binary(0)
    if (!COMPARISONS.some((operator) => this.#is(operator))) return left
    let holds = true
    for (let operator = this.#takeAny(COMPARISONS); operator !== undefined; operator = this.#takeAny(COMPARISONS)) {
      const right = this.#binary(0)
      holds = isTrue(this.#combine(operator, left, right)) && holds
      left = right
    }
    return holds
  }

  #binary(level: number): CodeValue {
    const operators = LEVELS[level]
    if (operators === undefined) return this.#unary()
    let left = this.#binary(level + 1)
    for (let operator = this.#takeAny(operators); operator !== undefined; operator = this.#takeAny(operators)) {
      left = this.#combine(operator, left, this.#binary(level + 1))
    }
    return left
  }

  #unary(): CodeValue {
    let sign = 1
    for (let operator = this.#takeAny(['-', '+']); operator !== undefined; operator = this.#takeAny(['-', '+'])) {
      if (operator === '-') sign = -sign
    }
    const value = this.#power()
    return sign < 0 ? this.#combine('*', value, -1) : value
  }

  #power(): CodeValue {
    const base = this.#primary()
    return this.#take('**') ? this.#combine('**', base, this.#unary()) : base
  }

  #primary(): CodeValue {
    const { kind, text } = this.#next
    this.#at++
    if (kind === 'number') return Number(text)
    if (kind === 'text') return text.replace(/\\(.)/g, '$1')
    if (kind === 'name') return this.#is('(') ? this.#call(text) : this.#lookUp(text)
    this.#at--
    if (!this.#take('(')) this.#fail(`Expected a value, and here is "${text}"`)
    const value = this.#is(')') ? [] : this.#tuple()
    if (!this.#take(')')) this.#fail(`Expected ")", and here is "${this.#next.text}"`)
    return value
  }

  #call(name: string): CodeValue {
    const apply = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined
    if (apply === undefined)
      this.#fail(`The function ${name}() is not one of print, ${Object.keys(FUNCTIONS).join(', ')}`)
    this.#take('(')
    const values = this.#items(')').map((value) => Number(value))
    return apply(values)
  }

  /** Values between commas, up to the closing mark, which is taken. */
  #items(closing: string): CodeValue[] {
    const items: CodeValue[] = []
    if (this.#take(closing)) return items
    do items.push(this.#expression())
    while (this.#take(','))
    if (!this.#take(closing)) this.#fail(`Expected "${closing}", and here is "${this.#next.text}"`)
    return items
  }

  #lookUp(name: string): CodeValue {
    if (name === 'True' || name === 'False') return name === 'True'
    const value = this.#variables.get(name)
    if (value !== undefined) return value
    return this.#fail(`Nothing is called ${name} here; statements are assignments, assert and print`)
  }

  #combine(operator: string, left: CodeValue, right: CodeValue): CodeValue {
    const value = combine(operator, left, right)
    return value ?? this.#fail(`Cannot compute ${formatValue(left)} ${operator} ${formatValue(right)}`)
  }

  #is(text: string): boolean {
    return this.#next.kind === 'operator' && this.#next.text === text
  }

  #take(text: string): boolean {
    const takes = this.#is(text)
    if (takes) this.#at++
    return takes
  }

  #takeAny(texts: readonly string[]): string | undefined {
    return texts.find((text) => this.#take(text))
  }

  #takeName(name: string): boolean {
    const takes = this.#next.kind === 'name' && this.#next.text === name
    if (takes) this.#at++
    return takes
  }

  #fail(message: string): never {
    throw new CodeError(this.#next.line, message)
  }
}
