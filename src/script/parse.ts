import { type Definitions, tokensWith } from './definitions.ts'
import { parseExpression, parseList } from './parse-expression.ts'
import { parsePacket } from './parse-packet.ts'
import type { Action, CallAction, EventTime, Script, ScriptEvent, ScriptOption, ShellAction } from './syntax.ts'
import { TokenReader } from './token-reader.ts'

const SECOND = 1_000_000

/**
 * Reads a packet script, its words replaced by what `definitions` says they stand for.
 * @throws {ScriptSyntaxError} where the text is not in the notation.
 */
export function parseScript(text: string, definitions: Definitions = new Map()): Script {
  const reader = new TokenReader(tokensWith(text, definitions))
  const options = parseOptions(reader)
  const init = parseShell(reader)
  const events: ScriptEvent[] = []
  while (!reader.is('end') && !reader.is('shell')) events.push(parseEvent(reader))
  if (events.length === 0) reader.fail('an event, such as "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3"')
  const cleanup = parseShell(reader)
  if (!reader.is('end')) reader.fail('nothing behind the last command')
  return { options, init, events, cleanup }
}

function parseOptions(reader: TokenReader): ScriptOption[] {
  const options: ScriptOption[] = []
  for (let token = reader.take('option'); token !== undefined; token = reader.take('option')) {
    options.push({ name: token.text, value: parseOptionValue(reader), line: token.line })
  }
  return options
}

/** What follows `=`: a word, a number, an address, a text, or a definition such as `NAME=value`. */
function parseOptionValue(reader: TokenReader): string | undefined {
  if (!reader.takeMark('=')) return undefined
  const value = parseOptionWord(reader)
  return reader.takeMark('=') ? `${value}=${parseOptionWord(reader)}` : value
}

function parseOptionWord(reader: TokenReader): string {
  const { kind } = reader.peek()
  if (!['integer', 'hex', 'float', 'word', 'text', 'address', 'shell'].includes(kind)) reader.fail('a value')
  return reader.next().text
}

function parseShell(reader: TokenReader): ShellAction | undefined {
  const token = reader.take('shell')
  return token === undefined ? undefined : { kind: 'shell', text: token.text, line: token.line }
}

function parseEvent(reader: TokenReader): ScriptEvent {
  const begin = reader.peek()
  const time = parseTime(reader)
  const action = parseAction(reader)
  const isExpected = action.kind === 'packet' && action.direction === 'out'
  if (time.kind !== 'at' && !isExpected) {
    const form = time.kind === 'any' ? 'The time "*"' : 'A range of times'
    reader.refuse(`${form} is for packets that are expected: what the script does itself happens at one time`, begin)
  }
  return { line: begin.line, time, action }
}

function parseTime(reader: TokenReader): EventTime {
  if (reader.takeMark('*')) return { kind: 'any' }
  const relative = reader.takeMark('+')
  const micros = parseSeconds(reader)
  if (!reader.takeMark('~')) return { kind: 'at', relative, micros }
  if (relative) reader.expectMark('+')
  const at = reader.peek()
  const to = parseSeconds(reader)
  if (to < micros) reader.refuse('The range of times ends before it begins', at)
  return { kind: 'range', relative, from: micros, to }
}

/** A time in seconds, as microseconds. */
function parseSeconds(reader: TokenReader): number {
  const token = reader.peek()
  if (token.kind !== 'float' && token.kind !== 'integer') reader.fail('a time in seconds, such as 0, 1.5 or +.01')
  const value = Number(reader.next().text)
  if (value < 0) reader.refuse('A time cannot be negative', token)
  return Math.round(value * SECOND)
}

function parseAction(reader: TokenReader): Action {
  const token = reader.peek()
  switch (token.kind) {
    case 'shell':
    case 'code':
      reader.next()
      return { kind: token.kind, text: token.text, line: token.line }
    case 'ellipsis':
    case 'word':
      return parseCall(reader)
    default:
      if (token.kind === 'mark' && (token.text === '<' || token.text === '>')) return parsePacket(reader)
      return reader.fail('a packet, a system call, `shell text` or %{ code }%')
  }
}

/** `write(4, ..., 1000) = -1 EAGAIN (Resource temporarily unavailable)`. */
function parseCall(reader: TokenReader): CallAction {
  const endsAt = reader.take('ellipsis') ? parseSeconds(reader) : undefined
  const { text: name, line } = reader.expect('word', 'the name of a system call')
  reader.expectMark('(')
  const args = parseList(reader, ')')
  reader.expectMark('=')
  const result = parseExpression(reader)
  const errno = reader.take('word')?.text
  skipNote(reader)
  return { kind: 'call', name, args, result, errno, endsAt, line }
}

/** `(Connection refused)`: words for the reader. */
function skipNote(reader: TokenReader): void {
  if (!reader.takeMark('(')) return
  while (reader.take('word'));
  reader.expectMark(')')
}
