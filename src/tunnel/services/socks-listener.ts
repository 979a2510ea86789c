import { ResetCode } from '../../session/streams/stream-types.ts'
import { formatHostPort } from '../../transport/host-port.ts'
import type { Login } from '../../transport/proxy.ts'
import { Command } from '../../transport/socks5-wire.ts'
import type { FlowLimits } from './flow-table.ts'
import type { Hosts } from './hosts.ts'
import { type Client, ProxyFront, type ProxyFrontOptions } from './proxy-front.ts'
import type { Service } from './service.ts'
import { SocksAssociation } from './socks-association.ts'
import { SocksHandshake, SocksReply, type SocksWish, socksReply } from './socks-handshake.ts'
import type { UdpSocketOptions } from './udp-socket.ts'

export interface SocksListenerOptions extends ProxyFrontOptions, FlowLimits, UdpSocketOptions {
  /** Who may use it. Default: whoever can connect. */
  readonly login?: Login | undefined
}

/** Codes of streams, and what a client of SOCKS5 hears of them. */
const REPLIES = new Map<number, SocksReply>([
  [ResetCode.REFUSED, SocksReply.REFUSED],
  [ResetCode.UNREACHABLE, SocksReply.HOST_UNREACHABLE],
  [ResetCode.TIMED_OUT, SocksReply.EXPIRED],
  [ResetCode.FORBIDDEN, SocksReply.FORBIDDEN],
])

const WORDS = {
  accepted: socksReply(SocksReply.GRANTED),
  refused: (code: number) => socksReply(REPLIES.get(code) ?? SocksReply.FAILED),
}

/**
 * A SOCKS5 proxy (RFC 1928) whose connections and datagrams go through the session: CONNECT and UDP ASSOCIATE, not BIND.
 * A client hears that it is connected when the other side is.
 * @throws {NetError} EINVAL, EADDRINUSE, EADDRNOTAVAIL or EPERM when it cannot listen.
 */
export function openSocksListener(options: SocksListenerOptions, hosts: Hosts): Promise<Service> {
  const onWish = (client: Client, { command, to }: SocksWish): void => {
    if (command === Command.CONNECT) client.ask(formatHostPort(to), WORDS)
    else new SocksAssociation(client, to, options)
  }
  const makeParser = (): SocksHandshake => new SocksHandshake(options.login)
  return ProxyFront.open(options, { kind: 'socks5', makeParser, onWish }, hosts)
}
