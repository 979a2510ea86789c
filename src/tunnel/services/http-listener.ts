import { ResetCode } from '../../session/streams/stream-types.ts'
import type { Login } from '../../transport/proxy.ts'
import { BoundedStream } from './bounded-stream.ts'
import type { Hosts } from './hosts.ts'
import { HttpRequestParser, type HttpWish, httpAnswer } from './http-request.ts'
import { type Client, ProxyFront, type ProxyFrontOptions } from './proxy-front.ts'
import type { Service } from './service.ts'

export interface HttpListenerOptions extends ProxyFrontOptions {
  /** Who may use it. Default: whoever can connect. */
  readonly login?: Login | undefined
}

/** Codes of streams, and what a client of HTTP hears of them. */
const ANSWERS = new Map<number, readonly [status: number, why: string]>([
  [ResetCode.REFUSED, [502, 'nothing listens there']],
  [ResetCode.UNREACHABLE, [502, 'it cannot be reached, or its name is not known']],
  [ResetCode.TIMED_OUT, [504, 'it does not answer']],
  [ResetCode.FORBIDDEN, [403, 'the other side of the tunnel does not allow it']],
  [ResetCode.LIMIT, [503, 'a limit of the tunnel is reached']],
  [ResetCode.CLOSED, [503, 'the tunnel is down']],
])

const ESTABLISHED = Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n')
const NOTHING = new Uint8Array(0)

function refusal(target: string, code: number): Uint8Array {
  const [status, why] = ANSWERS.get(code) ?? [502, 'the connection broke']
  return httpAnswer(status, `Cannot connect to ${target}: ${why}.`)
}

/**
 * An HTTP proxy whose connections go through the session: CONNECT, and plain requests for `http://` addresses, one for
 * each connection. A client hears that it is connected when the other side is.
 * @throws {NetError} EINVAL, EADDRINUSE, EADDRNOTAVAIL or EPERM when it cannot listen.
 */
export function openHttpListener(options: HttpListenerOptions, hosts: Hosts): Promise<Service> {
  const onWish = (client: Client, { target, request }: HttpWish): void => {
    const refused = (code: number): Uint8Array => refusal(target, code)
    if (request === undefined) {
      client.ask(target, { accepted: ESTABLISHED, refused })
      return
    }
    client.ask(target, { accepted: NOTHING, refused }, (stream) => {
      client.ledger.tally.in.octets += request.head.length
      stream.write(request.head)
      return new BoundedStream(stream, request.length)
    })
  }
  const makeParser = (): HttpRequestParser => new HttpRequestParser(options.login)
  return ProxyFront.open(options, { kind: 'http', makeParser, onWish }, hosts)
}
