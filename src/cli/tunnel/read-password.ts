import { createInterface } from 'node:readline'
import { UsageError } from '../exit.ts'
import type { Io } from '../io.ts'

/** A terminal's input. */
type Terminal = Io['stdin'] & { setRawMode?(mode: boolean): unknown }

const CONTROL_C = '\x03'
const CONTROL_U = '\x15'
const BACKSPACE = '\x7f'
/** Ctrl-C, Ctrl-D, Enter. */
const ENDS: readonly string[] = [CONTROL_C, '\x04', '\r', '\n']

/** A password: asked for twice and not shown on a terminal, otherwise the first line of stdin; empty when there is none. */
export async function readPassword(io: Io): Promise<string> {
  const terminal: Terminal = io.stdin
  if (terminal.isTTY !== true || terminal.setRawMode === undefined) return await firstLine(io)
  const password = await ask('password: ', terminal, io)
  if (password === '') return ''
  if (password !== (await ask('again: ', terminal, io))) throw new UsageError('the two differ', 'try again')
  return password
}

async function firstLine({ stdin }: Io): Promise<string> {
  const lines = createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) return line
  return ''
}

/** One line from a terminal that shows nothing of it. @throws AbortError at Ctrl-C */
async function ask(prompt: string, terminal: Terminal, io: Io): Promise<string> {
  io.output.ask(prompt)
  terminal.setRawMode?.(true)
  try {
    return await readHidden(terminal)
  } finally {
    terminal.setRawMode?.(false)
    terminal.pause()
    io.output.note('')
  }
}

function readHidden(terminal: Terminal): Promise<string> {
  return new Promise((resolve, reject) => {
    const decoder = new TextDecoder()
    let typed: string[] = []
    const onData = (bytes: Buffer): void => {
      for (const letter of decoder.decode(bytes, { stream: true })) {
        if (letter === BACKSPACE || letter === '\b') typed.pop()
        else if (letter === CONTROL_U) typed = []
        else if (!ENDS.includes(letter)) typed.push(letter)
        else {
          terminal.off('data', onData)
          if (letter === CONTROL_C) reject(Object.assign(new Error('interrupted'), { name: 'AbortError' }))
          else resolve(typed.join(''))
          return
        }
      }
    }
    terminal.on('data', onData).resume()
  })
}
