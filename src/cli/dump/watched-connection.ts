import { seqAdd, seqDiff, seqGt, seqLt, seqMax } from '../../base/seq.ts'
import { TcpFlag, type TcpHeader } from '../../wire/tcp.ts'
import type { TcpOptions } from '../../wire/tcp-options.ts'
import { plural } from '../units.ts'
import { WatchedEnd } from './watched-end.ts'

const bytes = (n: number): string => plural(n, 'byte')

/** A connection seen from the wire: what each segment means, and what it does to the states of both ends. */
export class WatchedConnection {
  readonly first: WatchedEnd
  readonly second: WatchedEnd

  /** `first` sent the first segment that was seen. */
  constructor(first: string, second: string, beganWithSyn: boolean) {
    this.first = new WatchedEnd(first, beganWithSyn ? 'CLOSED' : 'ESTABLISHED')
    this.second = new WatchedEnd(second, beganWithSyn ? 'LISTEN' : 'ESTABLISHED')
  }

  /** What a segment from one end means: the meaning first, then the changes of state. */
  explain(header: TcpHeader, options: TcpOptions, fromFirst: boolean): string[] {
    const me = fromFirst ? this.first : this.second
    const peer = fromFirst ? this.second : this.first
    const { flags } = header
    if (flags & TcpFlag.RST) return reset(me, peer)
    const notes = flags & TcpFlag.SYN ? opening(header, options, me, peer) : traffic(header, options, me, peer)
    const end = seqAdd(header.seq, header.payloadLen + (flags & (TcpFlag.SYN | TcpFlag.FIN) ? 1 : 0))
    me.next = me.next === undefined ? end : seqMax(me.next, end)
    if (flags & TcpFlag.ACK) {
      me.acked = header.ack
      me.window = header.window
    }
    return notes
  }
}

function reset(me: WatchedEnd, peer: WatchedEnd): string[] {
  if (peer.state === 'SYN-SENT') {
    me.state = 'CLOSED'
    return ['refuses: nothing listens there (RFC 9293 §3.5.2)', ...peer.enter('CLOSED')]
  }
  return ['ends the connection at once (RFC 9293 §3.5.2)', ...me.enter('CLOSED'), ...peer.enter('CLOSED')]
}

function opening(header: TcpHeader, options: TcpOptions, me: WatchedEnd, peer: WatchedEnd): string[] {
  me.scale = options.windowScale
  if (header.flags & TcpFlag.ACK) {
    if (me.state === 'SYN-RECEIVED') return ['its SYN again: the answer was lost or late (RFC 6298 §5)']
    const changes = [...me.enter('SYN-RECEIVED'), ...(peer.state === 'SYN-SENT' ? peer.enter('ESTABLISHED') : [])]
    return ['accepts, and asks back (RFC 9293 §3.5, figure 6)', ...changes]
  }
  if (me.state === 'SYN-SENT') return ['asks again: no answer came in time (RFC 6298 §5)']
  if (peer.state === 'SYN-SENT') return ['both ask at once (RFC 9293 §3.5, figure 7)', ...me.enter('SYN-SENT')]
  // A connection between the same ports may begin anew.
  peer.state = 'LISTEN'
  me.state = 'CLOSED'
  me.next = undefined
  return ['asks for a connection (RFC 9293 §3.5, figure 6)', ...me.enter('SYN-SENT')]
}

function traffic(header: TcpHeader, options: TcpOptions, me: WatchedEnd, peer: WatchedEnd): string[] {
  const isFin = (header.flags & TcpFlag.FIN) !== 0
  const notes = header.payloadLen > 0 ? [dataMeaning(header, me)] : isFin ? [] : [ackMeaning(header, me, peer)]
  if (options.sackCount > 0) {
    notes.push(`holds ${plural(options.sackCount, 'piece')} behind the gap (RFC 2018)`)
  }
  const changes: string[] = []
  if (header.flags & TcpFlag.ACK) {
    if (peer.state === 'SYN-RECEIVED') changes.push(...peer.enter('ESTABLISHED'))
    if (coversFin(header, peer)) changes.push(...peer.finAcknowledged())
  }
  if (isFin) {
    const isAgain = me.fin !== undefined
    notes.push(isAgain ? 'its FIN again (RFC 6298 §5)' : 'has no more to send (RFC 9293 §3.6)')
    me.fin = seqAdd(header.seq, header.payloadLen)
    if (!isAgain) changes.push(...me.sentFin(coversFin(header, peer)), ...peer.receivedFin())
  }
  return [...notes, ...changes]
}

const coversFin = (header: TcpHeader, peer: WatchedEnd): boolean =>
  peer.fin !== undefined && seqGt(header.ack, peer.fin)

function dataMeaning(header: TcpHeader, me: WatchedEnd): string {
  const length = header.payloadLen
  if (me.next === undefined || header.seq === me.next) return `${bytes(length)} of new data`
  if (seqGt(header.seq, me.next)) {
    return `${bytes(length)} behind a gap of ${bytes(seqDiff(header.seq, me.next))}: lost, or overtaken (RFC 9293 §3.4)`
  }
  if (length === 1 && seqDiff(me.next, header.seq) === 1)
    return 'keep-alive (RFC 9293 §3.8.4), or a probe of a zero window (§3.8.6.1)'
  const known = Math.min(length, seqDiff(me.next, header.seq))
  return `sends ${bytes(known)} again (RFC 6298 §5, RFC 5681 §3.2)`
}

function ackMeaning(header: TcpHeader, me: WatchedEnd, peer: WatchedEnd): string {
  const window = me.scale > 0 && peer.scale >= 0 ? header.window << me.scale : header.window
  if (me.next !== undefined && seqLt(header.seq, me.next)) return 'keep-alive: are you still there? (RFC 9293 §3.8.4)'
  if (me.acked === undefined) return 'acknowledges; the handshake is complete (RFC 9293 §3.5)'
  const progress = seqDiff(header.ack, me.acked)
  if (progress > 0) {
    me.duplicates = 0
    const room = header.window === 0 ? '; its window is closed (RFC 9293 §3.8.6)' : ''
    const hasFin = coversFin(header, peer)
    const what = hasFin ? [...(progress > 1 ? [bytes(progress - 1)] : []), 'the FIN'].join(' and ') : bytes(progress)
    return `acknowledges ${what}${room}`
  }
  if (header.window !== me.window) {
    if (header.window === 0) return 'closes its window: it has no room (RFC 9293 §3.8.6)'
    return `window update: it has room for ${bytes(window)} (RFC 9293 §3.8.6.2.2)`
  }
  const isWaiting = peer.next !== undefined && seqGt(peer.next, header.ack)
  if (!isWaiting) return 'acknowledges what it acknowledged before'
  me.duplicates++
  const hint = me.duplicates === 3 ? '; the third makes the sender repair at once' : ''
  return `duplicate acknowledgment ${me.duplicates}: something before is missing${hint} (RFC 5681 §3.2)`
}
