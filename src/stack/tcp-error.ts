import { formatEndpoint, formatIp } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import type { Tcb, TcpFailure } from '../tcp/tcb.ts'

const PREPOSITIONS = { connect: 'to', read: 'from', write: 'to' } as const

/** This side said that it would send no more. */
export const ENDED: TcpFailure = { code: 'EPIPE', message: 'this side of the connection is already closed' }

/** The failure of a connection as an error for whoever made the call. */
export function tcpError(
  { remote, remotePort }: Pick<Tcb, 'remote' | 'remotePort'>,
  failure: TcpFailure,
  syscall: keyof typeof PREPOSITIONS,
): NetError {
  const message = `Cannot ${syscall} ${PREPOSITIONS[syscall]} ${formatEndpoint(remote, remotePort)}: ${failure.message}`
  return new NetError(failure.code, message, { syscall, address: formatIp(remote), port: remotePort })
}
