import type { Expression, StructField } from './syntax.ts'
import type { TokenReader } from './token-reader.ts'

/** Expressions nest no deeper than anybody writes by hand. */
const MAX_DEPTH = 32

/** `name`, `1|2`, `[…]`, `{…}`, `"text"...`, `htons(80)`, `name = value`. */
export function parseExpression(reader: TokenReader, depth = 0): Expression {
  if (depth > MAX_DEPTH) reader.refuse('The expression nests too deeply')
  let left = parseTerm(reader, depth)
  while (reader.takeMark('|')) left = { kind: 'or', left, right: parseTerm(reader, depth) }
  return left
}

/** Expressions between commas, up to the closing mark, which is taken. */
export function parseList(reader: TokenReader, closing: string, depth = 0): Expression[] {
  const items: Expression[] = []
  if (reader.takeMark(closing)) return items
  do items.push(parseExpression(reader, depth + 1))
  while (reader.takeMark(','))
  if (!reader.takeMark(closing)) reader.fail(`"," or "${closing}"`)
  return items
}

function parseTerm(reader: TokenReader, depth: number): Expression {
  const token = reader.peek()
  switch (token.kind) {
    case 'integer':
    case 'hex':
      return { kind: 'number', value: Number(reader.next().text) }
    case 'ellipsis':
      reader.next()
      return { kind: 'ellipsis' }
    case 'text':
      return parseText(reader)
    case 'word':
      return parseWord(reader, depth)
    default:
      if (reader.takeMark('[')) return { kind: 'list', items: parseList(reader, ']', depth) }
      if (reader.takeMark('{')) return parseBraces(reader, depth)
      return reader.fail('a value')
  }
}

/** Texts beside each other are one; what follows an ellipsis is not told. */
function parseText(reader: TokenReader): Expression {
  let value = ''
  while (reader.is('text')) value += withoutEscapes(reader.next().text)
  return { kind: 'text', value, abridged: reader.take('ellipsis') !== undefined }
}

function parseWord(reader: TokenReader, depth: number): Expression {
  const name = reader.next().text
  if (reader.takeMark('(')) return { kind: 'call', name, args: parseList(reader, ')', depth) }
  if (reader.takeMark('=')) return { kind: 'assign', name, value: parseExpression(reader, depth + 1) }
  return { kind: 'word', name }
}

/** `{a=1, b(2)=[…]}` is a structure, anything else in braces a list. */
function parseBraces(reader: TokenReader, depth: number): Expression {
  const isStruct = reader.is('word') && (reader.isAhead(1, 'mark', '=') || isCounted(reader))
  if (!isStruct) return { kind: 'list', items: parseList(reader, '}', depth) }
  const fields: StructField[] = []
  do {
    const name = reader.expect('word', 'the name of a field').text
    let count: Expression | undefined
    if (reader.takeMark('(')) {
      count = parseExpression(reader, depth + 1)
      reader.expectMark(')')
    }
    reader.expectMark('=')
    fields.push({ name, count, value: parseExpression(reader, depth + 1) })
  } while (reader.takeMark(','))
  if (!reader.takeMark('}')) reader.fail('"," or "}"')
  return { kind: 'struct', fields }
}

/** Whether a name with a count in parentheses and `=` comes: `msg_iov(2)=`. */
const isCounted = (reader: TokenReader): boolean =>
  reader.isAhead(1, 'mark', '(') && reader.isAhead(3, 'mark', ')') && reader.isAhead(4, 'mark', '=')

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0' }

/** C's escapes: `\n`, `\x41`, `\\` and the like. */
const withoutEscapes = (text: string): string =>
  text.replace(/\\(?:x([0-9a-fA-F]{1,2})|([\s\S]))/g, (_whole, hex: string | undefined, letter: string) =>
    hex === undefined ? (ESCAPES[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  )
