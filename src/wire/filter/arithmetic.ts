import type { FrameLayers } from '../layers.ts'
import { CONSTANTS, NETWORKS, TRANSPORTS } from './names.ts'
import type { Predicate } from './predicates.ts'
import type { TokenReader } from './token-reader.ts'

/** A number made from a packet; NaN where the bytes are missing, which makes every comparison false. */
type Value = (packet: FrameLayers) => number

const RELATIONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '=': (a, b) => a === b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b && !Number.isNaN(a + b),
  '<': (a, b) => a < b,
  '>': (a, b) => a > b,
  '<=': (a, b) => a <= b,
  '>=': (a, b) => a >= b,
}

/** Binary operators by precedence, loosest first; all associate to the left. */
const LEVELS: readonly Readonly<Record<string, (a: number, b: number) => number>>[] = [
  { '|': bits((a, b) => a | b) },
  { '^': bits((a, b) => a ^ b) },
  { '&': bits((a, b) => a & b) },
  { '<<': bits((a, b) => a << b), '>>': bits((a, b) => a >>> b) },
  { '+': (a, b) => (a + b) >>> 0, '-': (a, b) => (a - b) >>> 0 },
  {
    '*': bits(Math.imul),
    '/': (a, b) => (b === 0 ? Number.NaN : Math.floor(a / b)),
    '%': (a, b) => (b === 0 ? Number.NaN : a % b),
  },
]

/** Bit operations turn NaN into 0; a missing byte must stay missing. */
function bits(operate: (a: number, b: number) => number): (a: number, b: number) => number {
  return (a, b) => (Number.isNaN(a + b) ? Number.NaN : operate(a, b) >>> 0)
}

/** Whether an arithmetic comparison starts here, not a word like `tcp` alone. */
export function startsArithmetic(reader: TokenReader): boolean {
  const { text } = reader.peek
  if (text === 'len' || text === '-' || /^(0x[0-9a-f]+|\d+)$/i.test(text)) return true
  return reader.ahead(1).text === '['
}

/** `expression relation expression`. */
export function comparison(reader: TokenReader): Predicate {
  const left = binary(reader, 0)
  const operator = reader.take()
  const relation = RELATIONS[operator.text]
  if (relation === undefined) return reader.fail('a comparison needs one of = != < > <= >=', operator)
  const right = binary(reader, 0)
  return (packet) => relation(left(packet), right(packet))
}

/** A value in parentheses may begin like a boolean one; this tells whether a comparison follows. */
export const isRelation = (text: string): boolean => RELATIONS[text] !== undefined

function binary(reader: TokenReader, level: number): Value {
  const operators = LEVELS[level]
  if (operators === undefined) return unary(reader)
  let left = binary(reader, level + 1)
  while (Object.hasOwn(operators, reader.peek.text)) {
    const operate = operators[reader.take().text]!
    const first = left
    const second = binary(reader, level + 1)
    left = (packet) => operate(first(packet), second(packet))
  }
  return left
}

function unary(reader: TokenReader): Value {
  const token = reader.take()
  if (token.text === '-') {
    const value = unary(reader)
    return (packet) => -value(packet) >>> 0
  }
  if (token.text === '(') {
    const value = binary(reader, 0)
    reader.expect(')')
    return value
  }
  if (token.text === 'len') return (packet) => packet.wireLength
  if (reader.peek.text === '[') return bytesOf(token.text, reader)
  const constant = Object.hasOwn(CONSTANTS, token.text) ? CONSTANTS[token.text] : number(token.text)
  if (constant === undefined) return reader.fail(`"${token.text}" is no number and no header`, token)
  return () => constant
}

/** A number as libpcap reads it: decimal, 0x hexadecimal. */
export function number(text: string): number | undefined {
  if (!/^(0x[0-9a-f]{1,8}|\d{1,10})$/i.test(text)) return undefined
  const value = Number(text)
  return value <= 0xffffffff ? value : undefined
}

/** Where the header of that name begins in a packet; undefined for a name without header. */
function headerOf(name: string): ((packet: FrameLayers) => number) | undefined {
  if (name === 'ether' || name === 'link') return (packet) => packet.start
  if (Object.hasOwn(NETWORKS, name)) {
    const type = NETWORKS[name]
    return (packet) => (packet.etherType === type ? packet.networkAt : -1)
  }
  if (!Object.hasOwn(TRANSPORTS, name)) return undefined
  const protocol = TRANSPORTS[name]
  return (packet) => (packet.protocol === protocol ? packet.transportAt : -1)
}

/** `tcp[offset:size]`: one, two or four bytes of a header. */
function bytesOf(name: string, reader: TokenReader): Value {
  const header = headerOf(name)
  if (header === undefined) return reader.fail(`"${name}" is no header whose bytes can be read`)
  reader.expect('[')
  const offset = binary(reader, 0)
  let size = 1
  if (reader.accept(':')) {
    const token = reader.take()
    size = Number(token.text)
    if (size !== 1 && size !== 2 && size !== 4) return reader.fail('the size must be 1, 2 or 4', token)
  }
  reader.expect(']')
  return (packet) => {
    const from = header(packet)
    const at = from + offset(packet)
    if (from < 0 || Number.isNaN(at) || !packet.has(at, size)) return Number.NaN
    return size === 1 ? packet.view.getUint8(at) : size === 2 ? packet.view.getUint16(at) : packet.view.getUint32(at)
  }
}
