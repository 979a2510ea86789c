import { type ErrorCode, NetError } from '../base/errors.ts'

/** An error on its way to another thread: a message port would drop its code. */
export interface ErrorRecord {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  /** `code`, `errno`, `syscall`, `address` and whatever else it has of its own. */
  readonly facts: Readonly<Record<string, string | number>>
}

const CLASSES: Readonly<Record<string, new (message: string) => Error>> = { TypeError, RangeError, SyntaxError }

export function toRecord(thrown: unknown): ErrorRecord {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const facts: Record<string, string | number> = {}
  for (const [key, value] of Object.entries(error)) {
    if (typeof value === 'string' || typeof value === 'number') facts[key] = value
  }
  return { name: error.name, message: error.message, stack: error.stack, facts }
}

/** The same error again, its class included where that is one of ours or of the language. */
export function fromRecord({ name, message, stack, facts }: ErrorRecord): Error {
  const error = name === 'NetError' ? netError(message, facts) : new (CLASSES[name] ?? Error)(message)
  if (name !== 'NetError') Object.assign(error, facts)
  if (stack !== undefined) error.stack = stack
  return error
}

function netError(message: string, facts: ErrorRecord['facts']): NetError {
  const { code, ...where } = facts as { code: ErrorCode; syscall?: string; address?: string; port?: number }
  // The class puts the code behind the message itself.
  return new NetError(code, message.slice(0, -` (${code})`.length), where)
}
