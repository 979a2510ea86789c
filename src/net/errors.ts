import { getSystemErrorMap } from 'node:util'
import { NetError } from '../base/errors.ts'
import type { TcpFailure } from '../tcp/tcb.ts'

/** Numbers and texts of the system's errors by their code. */
const SYSTEM = new Map([...getSystemErrorMap()].map(([errno, [code, text]]) => [code, { errno, text }]))

/** Codes of ours that no system has. */
const NEAREST: Readonly<Record<string, string>> = { ERR_CLOSED: 'ENETDOWN', ABORT_ERR: 'ECANCELED' }

/** The stack was closed beneath a connection: nobody else aborts what its user has not let go of. */
export const STACK_CLOSED = 'ECONNABORTED'

export const isStackClosed = (failure: TcpFailure | undefined): boolean => failure?.code === STACK_CLOSED

/** As Node words what failed on a connection: `read ECONNRESET`. */
export function systemError(code: string, syscall: string): NodeJS.ErrnoException {
  return decorate(new Error(`${syscall} ${code}`), code, syscall)
}

/** As Node words what failed with an address: `connect ECONNREFUSED 10.0.0.2:80`. `local` is our end, where it may be the reason. */
export function addressError(
  code: string,
  syscall: string,
  address: string,
  port: number,
  local?: string,
): NodeJS.ErrnoException {
  const where = port > 0 ? `${address}:${port}` : address
  const message = `${syscall} ${code} ${where}${local === undefined ? '' : ` - Local (${local})`}`
  return withAddress(decorate(new Error(message), code, syscall), address, port)
}

/** Why none of several addresses could be connected to, as node:net has it: under the code of the first. */
export function aggregateError(errors: readonly NodeJS.ErrnoException[]): AggregateError {
  return Object.assign(new AggregateError(errors), { code: errors[0]?.code })
}

/** As Node words why a server cannot listen: `listen EADDRINUSE: address already in use 10.0.0.2:80`. */
export function listenError(code: string, address: string, port: number): NodeJS.ErrnoException {
  const where = port > 0 ? `${address}:${port}` : address
  const message = `listen ${code}: ${SYSTEM.get(code)?.text ?? 'unknown error'} ${where}`
  return withAddress(decorate(new Error(message), code, 'listen'), address, port)
}

/** The system's code that an error of the stack stands for. */
export function systemCode(error: unknown): string {
  if (!(error instanceof NetError)) throw error
  return NEAREST[error.code] ?? error.code
}

/** The number of a code as libuv returns it: below zero, or 0 where nothing is wrong. */
export const errnoOf = (code: string | undefined): number => (code === undefined ? 0 : (SYSTEM.get(code)?.errno ?? -1))

function decorate(error: NodeJS.ErrnoException, code: string, syscall: string): NodeJS.ErrnoException {
  error.errno = SYSTEM.get(code)?.errno
  error.code = code
  error.syscall = syscall
  return error
}

function withAddress(error: NodeJS.ErrnoException, address: string, port: number): NodeJS.ErrnoException {
  return Object.assign(error, port > 0 ? { address, port } : { address })
}
