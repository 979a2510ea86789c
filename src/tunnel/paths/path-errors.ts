import { HandshakeError } from '../auth/handshake-error.ts'

/** A server that waits for TLS says nothing to somebody who does not speak it. */
export function aboutClear(error: unknown): unknown {
  const isSilence = error instanceof HandshakeError && (error.failure === 'timeout' || error.failure === 'closed')
  if (!isSilence) return error
  return new HandshakeError(error.failure, {
    detail: 'with "tls: false" here, the server must listen so, too',
    cause: error,
  })
}

/** The server is there, and has forgotten the session. */
export const isForgotten = (error: Error): boolean => error instanceof HandshakeError && error.failure === 'session'

/** Whether an error says what another said, but for how long it was waited. */
export const isSameFailure = (error: Error, other: Error | undefined): boolean =>
  other !== undefined && withoutTimes(error.message) === withoutTimes(other.message)

const withoutTimes = (text: string): string => text.replaceAll(/within [\d.]+ s/g, 'in time')

/** What is so until somebody changes it; asking often only makes a server or a proxy turn us away for longer. */
const LASTING: ReadonlySet<string> = new Set(['ERR_AUTH', 'ERR_CERTIFICATE', 'ERR_PROXY_AUTH'])
const LASTING_PAUSE = 10_000

/** Milliseconds: what the server asked for, or what makes sense where trying again changes nothing by itself. */
export function retryAfter(error: Error): number {
  const { retryAfter: asked = 0, code } = error as { retryAfter?: number; code?: string }
  return Math.max(asked, code !== undefined && LASTING.has(code) ? LASTING_PAUSE : 0)
}
