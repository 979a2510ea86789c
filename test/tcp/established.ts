import type { TcpOptionsInit } from '../../src/tcp/settings.ts'
import { Peer, type PeerOptions } from './peer.ts'

export interface ConnectionOptions extends PeerOptions {
  /** What the peer's SYN carries. Default `mss 1000,sackOK`. */
  readonly syn?: string
  /** The window in the peer's segments of the handshake. Default 65,535. */
  readonly window?: number
  /** How long the handshake took, in milliseconds: the first measurement of the round trip. Default 0. */
  readonly rtt?: number
  readonly tcp?: TcpOptionsInit
}

/** A connection that the peer opened; what the handshake sent has been seen. */
export function passive(options: ConnectionOptions = {}): Peer {
  const { syn = 'mss 1000,sackOK', window = 65_535 } = options
  const peer = new Peer(options)
  peer.listen(options.tcp)
  peer.send(`S 0:0(0) win ${window} <${syn}>`)
  const { options: answer } = peer.next()!
  const stamp =
    answer.ts === undefined ? '' : ` <TS val ${Number(/val (\d+)/.exec(syn)?.[1]) + 1} ecr ${answer.ts.val}>`
  peer.wait(options.rtt ?? 0)
  peer.send(`. 1:1(0) ack 1 win ${window}${stamp}`)
  peer.accept()
  peer.expectNothing()
  peer.states.length = 0
  return peer
}

/** A connection that the stack opened. */
export function active(options: ConnectionOptions = {}): Peer {
  const { syn = 'mss 1000,sackOK', window = 65_535 } = options
  const peer = new Peer(options)
  peer.connect(options.tcp)
  peer.next()
  peer.wait(options.rtt ?? 0)
  peer.send(`S. 0:0(0) ack 1 win ${window} <${syn}>`)
  peer.next()
  peer.expectNothing()
  peer.states.length = 0
  peer.told.length = 0
  return peer
}
