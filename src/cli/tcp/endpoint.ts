import { UsageError } from '../exit.ts'
import { PORT } from '../kind.ts'
import { HOST } from '../network/host-name.ts'

/** Where a connection is to go, as the user wrote it. */
export interface EndpointArgs {
  readonly host: string
  readonly port: number
}

/**
 * Reads `-addr ADDR -port PORT`, `ADDR:PORT`, `ADDR PORT`, and mixtures of them.
 * @throws UsageError when one of the two is missing, given twice or makes no sense
 */
export function readEndpoint(
  flags: { readonly addr: string | undefined; readonly port: number | undefined },
  words: readonly string[],
): EndpointArgs {
  // Two colons are an IPv6 address, which our stack does not speak.
  const ipv6 = [...words, flags.addr ?? ''].find((word) => word.startsWith('[') || word.split(':').length > 2)
  if (ipv6 !== undefined) throw new UsageError(`"${ipv6}" is not ${HOST.expects}`, HINT)
  const parts = words.flatMap((word) => word.split(':'))
  if (flags.addr !== undefined) {
    const [host, port] = flags.addr.split(':')
    if (port !== undefined) parts.unshift(port)
    parts.unshift(host!)
  }
  if (flags.port !== undefined) parts.splice(1, 0, String(flags.port))
  const [host, portText, ...rest] = parts
  if (rest.length > 0) throw new UsageError(`too many addresses and ports: ${parts.join(' ')}`, HINT)
  if (host === undefined || host === '') throw new UsageError('ADDR is missing: where to connect to', HINT)
  if (HOST.parse(host) === undefined) throw new UsageError(`"${host}" is not ${HOST.expects}`, HINT)
  if (portText === undefined) throw new UsageError('PORT is missing', HINT)
  const port = PORT.parse(portText)
  if (port === undefined) throw new UsageError(`"${portText}" is not ${PORT.expects}`, HINT)
  return { host, port }
}

const HINT = 'try: gotcp tcpclient 172.20.0.3:8888'
