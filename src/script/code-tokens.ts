/** A piece of the code between `%{` and `}%`. `line` counts from the opening bracket, which is 0. */
export interface CodeToken {
  readonly kind: 'number' | 'text' | 'name' | 'operator' | 'end of statement' | 'end'
  readonly text: string
  readonly line: number
}

/** Code that cannot be understood, or that does what no assertion needs to do. */
export class CodeError extends Error {
  override readonly name = 'CodeError'
  readonly code = 'ERR_SCRIPT_CODE'
  readonly line: number

  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

const PATTERN =
  /(?<space>[ \t\r]+|#[^\n]*|\\\r?\n)|(?<lineEnd>\n)|(?<number>0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)|(?<name>[A-Za-z_]\w*)|(?<text>'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")|(?<operator>\*\*|\/\/=?|<<=?|>>=?|[=!<>+\-*/%&|^]=|[-+*/%&|^~<>=(),:;[\]{}.])/y

/** Takes code apart: a statement ends with its line, or with `;`, but not within parentheses. */
export function codeTokensOf(code: string): CodeToken[] {
  const tokens: CodeToken[] = []
  let line = 0
  let depth = 0
  let at = 0
  while (at < code.length) {
    PATTERN.lastIndex = at
    const groups = PATTERN.exec(code)?.groups
    if (groups === undefined) throw new CodeError(line, `Cannot read "${code.slice(at, at + 20)}"`)
    const { space, lineEnd, number, name, text, operator } = groups
    if (operator === '(' || operator === '[') depth++
    if (operator === ')' || operator === ']') depth--
    if (number !== undefined) tokens.push({ kind: 'number', text: number, line })
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, line })
    else if (text !== undefined) tokens.push({ kind: 'text', text: text.slice(1, -1), line })
    else if (operator === ';') tokens.push({ kind: 'end of statement', text: operator, line })
    else if (operator !== undefined) tokens.push({ kind: 'operator', text: operator, line })
    else if (space === undefined && depth <= 0)
      tokens.push({ kind: 'end of statement', text: 'the end of the line', line })
    if (lineEnd !== undefined || space?.startsWith('\\')) line++
    at = PATTERN.lastIndex
  }
  tokens.push({ kind: 'end', text: 'the end of the code', line })
  return tokens
}
