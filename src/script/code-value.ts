/** What code computes with, in Python's manner. A list is a tuple. */
export type CodeValue = number | string | boolean | readonly CodeValue[]

/** What Python prints for a value. */
export function formatValue(value: CodeValue): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'object') return `(${value.map(formatValue).join(', ')})`
  return String(value)
}

export const isTrue = (value: CodeValue): boolean => (typeof value === 'object' ? value.length > 0 : Boolean(value))

const numeric = (value: CodeValue): number | undefined =>
  typeof value === 'number' ? value : typeof value === 'boolean' ? Number(value) : undefined

/** `left operator right`, or undefined when they do not go together. */
export function combine(operator: string, left: CodeValue, right: CodeValue): CodeValue | undefined {
  if (operator === '==') return equal(left, right)
  if (operator === '!=') return !equal(left, right)
  if (operator === '%' && typeof left === 'string') return interpolate(left, right)
  if (operator === '+' && typeof left === 'string' && typeof right === 'string') return left + right
  const a = numeric(left)
  const b = numeric(right)
  return a === undefined || b === undefined ? undefined : calculate(operator, a, b)
}

function equal(left: CodeValue, right: CodeValue): boolean {
  if (typeof left === 'object' && typeof right === 'object') {
    return left.length === right.length && left.every((item, i) => equal(item, right[i]!))
  }
  return (numeric(left) ?? left) === (numeric(right) ?? right)
}

function calculate(operator: string, a: number, b: number): CodeValue | undefined {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '**':
      return a ** b
    case '/':
      return b === 0 ? undefined : a / b
    case '//':
      return b === 0 ? undefined : Math.floor(a / b)
    case '%':
      return b === 0 ? undefined : a - b * Math.floor(a / b)
    case '<':
      return a < b
    case '<=':
      return a <= b
    case '>':
      return a > b
    case '>=':
      return a >= b
    default:
      return Number.isInteger(a) && Number.isInteger(b) ? bitwise(operator, BigInt(a), BigInt(b)) : undefined
  }
}

/** On integers of any size, as Python has them. */
function bitwise(operator: string, a: bigint, b: bigint): number | undefined {
  if (operator === '&') return Number(a & b)
  if (operator === '|') return Number(a | b)
  if (operator === '^') return Number(a ^ b)
  if (b < 0n || b > 64n) return undefined
  if (operator === '<<') return Number(a << b)
  return operator === '>>' ? Number(a >> b) : undefined
}

/** `'cwnd=%d of %s' % (10, 'x')`; undefined when the values do not fit the text. */
function interpolate(text: string, values: CodeValue): string | undefined {
  const rest = typeof values === 'object' ? [...values] : [values]
  let fits = true
  const result = text.replace(/%(?:%|(0?)(\d*)(?:\.(\d+))?([dsxrf]))/g, (whole, zero, width, digits, kind) => {
    if (whole === '%%') return '%'
    const value = rest.shift()
    const number = value === undefined ? undefined : numeric(value)
    if (value === undefined || (kind !== 's' && kind !== 'r' && number === undefined)) {
      fits = false
      return whole
    }
    return formatAs(kind, value, number, digits).padStart(Number(width), zero === '0' ? '0' : ' ')
  })
  return fits && rest.length === 0 ? result : undefined
}

function formatAs(kind: string, value: CodeValue, number: number | undefined, digits: string | undefined): string {
  if (kind === 'd') return String(Math.trunc(number!))
  if (kind === 'x') return Math.trunc(number!).toString(16)
  if (kind === 'f') return number!.toFixed(Math.min(20, Number(digits ?? 6)))
  return formatValue(value)
}
