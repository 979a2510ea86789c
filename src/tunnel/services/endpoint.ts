import { NetError } from '../../base/errors.ts'
import { type Endpoint, fitsSocket, MAX_SOCKET_PATH } from '../../transport/endpoint.ts'
import { parseHostPort } from '../../transport/host-port.ts'

/**
 * Reads `host:port`, `[IPv6]:port` and `unix:/path`.
 * @param what the option it comes from, for the error
 * @throws {NetError} EINVAL when it is none of them.
 */
export function parseEndpoint(text: string, what: string): Endpoint {
  if (!text.startsWith('unix:')) {
    const parsed = parseHostPort(text)
    if (parsed === undefined) throw invalid(text, what, 'it is neither host:port nor unix:/path')
    return parsed
  }
  const path = text.slice('unix:'.length)
  if (path === '') throw invalid(text, what, 'the path is missing')
  if (!fitsSocket(path)) throw invalid(text, what, `the path is longer than ${MAX_SOCKET_PATH} octets`)
  return { path }
}

const invalid = (text: string, what: string, why: string): NetError =>
  new NetError('EINVAL', `Cannot use "${text}" for ${what}: ${why}`)
