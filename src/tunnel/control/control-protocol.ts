import { ERROR_CODES, type ErrorCode, NetError } from '../../base/errors.ts'

/** What a daemon is asked on its control socket: one JSON object on one line, `{"command":"status"}`. */
export interface ControlRequest {
  readonly command: string
  readonly [argument: string]: unknown
}

/** The answer, on one line as well. `code` is one of docs/errors.md and stays what it is; `message` is for people. */
export type ControlAnswer =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: { readonly code: ErrorCode; readonly message: string } }

/** Octets of a line, at most. */
export const MAX_REQUEST = 65_536

/** What went wrong, as the other side of a control socket is told. */
export function controlError(error: unknown): ControlAnswer {
  const { code = '', message } = error as NodeJS.ErrnoException
  const known = Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'EINVAL'
  return { ok: false, error: { code: known, message: message.replace(` (${code})`, '') } }
}

/** Reads a request. @throws {NetError} EINVAL when it is none. */
export function parseRequest(line: string): ControlRequest {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new NetError('EINVAL', 'A request is one JSON object on a line, such as {"command":"status"}')
  }
  const command = (value as { command?: unknown } | null)?.command
  if (typeof command !== 'string')
    throw new NetError('EINVAL', 'A request has a "command", such as {"command":"status"}')
  return value as ControlRequest
}
