import { NetError } from '../base/errors.ts'

/** The exit codes of every command, with the sentence that `--help` and docs/cli.md print. */
export const EXIT_CODES = {
  OK: { code: 0, meaning: 'done' },
  NETWORK: {
    code: 1,
    meaning: 'the network said no: no reply, refused, reset, a threshold missed, or a script that failed',
  },
  USAGE: { code: 2, meaning: 'wrong usage, no permission, or something on this machine is missing or busy' },
  INTERNAL: { code: 3, meaning: 'an error inside gotcp; run again with -debug for the stack trace' },
  INTERRUPTED: { code: 130, meaning: 'interrupted before there was a result' },
} as const

export const Exit = {
  OK: EXIT_CODES.OK.code,
  NETWORK: EXIT_CODES.NETWORK.code,
  USAGE: EXIT_CODES.USAGE.code,
  INTERNAL: EXIT_CODES.INTERNAL.code,
  INTERRUPTED: EXIT_CODES.INTERRUPTED.code,
} as const

/** The user asked for something that makes no sense: one line on stderr and exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  /** A line that says what to do instead. */
  readonly hint: string | undefined

  constructor(message: string, hint?: string) {
    super(message)
    this.hint = hint
  }
}

/** The codes that blame this machine or the command line, not the network. */
const LOCAL_CODES: ReadonlySet<string> = new Set([
  'EPERM',
  'EACCES',
  'ENODEV',
  'ENETDOWN',
  'EINVAL',
  'EADDRINUSE',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'ERR_ADDON_MISSING',
  'ERR_LAB',
  'ERR_CONFIG',
  'ENOENT',
  'EISDIR',
  'ENOTDIR',
  'EEXIST',
  'ENOSPC',
  'EDQUOT',
  'EFBIG',
  'EIO',
])

/** Which exit code an error earns. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return Exit.USAGE
  if (!(error instanceof Error)) return Exit.INTERNAL
  if (error.name === 'AbortError') return Exit.INTERRUPTED
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ABORT_ERR') return Exit.INTERRUPTED
  if (code !== undefined && LOCAL_CODES.has(code)) return Exit.USAGE
  if (error instanceof NetError) return Exit.NETWORK
  return Exit.INTERNAL
}
