import { ResetCode } from '../../session/streams/stream-types.ts'

const NAMES = new Map<number, string>(Object.entries(ResetCode).map(([name, code]) => [code, name]))

/** `REFUSED` for 1; `CODE 99` for one that is not known, as a newer peer may send. */
export const resetName = (code: number): string => NAMES.get(code) ?? `CODE ${code}`

/** What an error of a socket, a look-up or of our own says to the other side. */
const REASONS: Readonly<Record<string, ResetCode>> = {
  ECONNREFUSED: ResetCode.REFUSED,
  // A Unix socket's path that does not exist: nobody listens there.
  ENOENT: ResetCode.REFUSED,
  EHOSTUNREACH: ResetCode.UNREACHABLE,
  ENETUNREACH: ResetCode.UNREACHABLE,
  EHOSTDOWN: ResetCode.UNREACHABLE,
  ENETDOWN: ResetCode.UNREACHABLE,
  EADDRNOTAVAIL: ResetCode.UNREACHABLE,
  ENOTFOUND: ResetCode.UNREACHABLE,
  EAI_AGAIN: ResetCode.UNREACHABLE,
  EAI_FAIL: ResetCode.UNREACHABLE,
  ENODATA: ResetCode.UNREACHABLE,
  ETIMEDOUT: ResetCode.TIMED_OUT,
  EACCES: ResetCode.FORBIDDEN,
  EPERM: ResetCode.FORBIDDEN,
  EMFILE: ResetCode.LIMIT,
  ENFILE: ResetCode.LIMIT,
  ENOBUFS: ResetCode.LIMIT,
  ENOMEM: ResetCode.LIMIT,
  EPROTO: ResetCode.PROTOCOL,
}

/** What to say to the other side of the tunnel when `error` befell a connection beyond it. */
export function resetCodeOf(error: unknown): ResetCode {
  const code = (error as NodeJS.ErrnoException | null | undefined)?.code
  return (code === undefined ? undefined : REASONS[code]) ?? ResetCode.BROKEN
}
