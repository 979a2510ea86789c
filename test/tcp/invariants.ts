import assert from 'node:assert/strict'
import { seqDiff } from '../../src/base/seq.ts'
import { type Micros, NEVER } from '../../src/base/types.ts'
import { AckOwed, Tcb } from '../../src/tcp/tcb.ts'
import type { Tcp } from '../../src/tcp/tcp.ts'
import { Timer } from '../../src/tcp/timers.ts'

/** What holds for every connection between two polls, whatever its peer does. */
export function checkInvariants(tcp: Tcp, now: Micros): void {
  for (const entry of tcp.connections) {
    if (entry instanceof Tcb) checkConnection(entry)
    assert.ok(entry.pollAt() > now, 'no deadline lies in the past after a poll')
  }
}

function checkConnection(tcb: Tcb): void {
  const { snd, board, deadlines } = tcb
  const flight = seqDiff(snd.nxt, snd.una)
  assert.ok(flight >= 0, `SND.UNA <= SND.NXT: ${snd.una} ${snd.nxt}`)
  checkBoard(tcb, flight)
  const syn = tcb.synAcked ? 0 : 1
  const fin = tcb.finSent ? 1 : 0
  assert.ok(flight <= tcb.sendBuffer.length + syn + fin, 'what is in flight lies in the send buffer')
  assert.ok(tcb.sendBuffer.length <= tcb.settings.sendBuffer, 'the send buffer keeps its limit')
  const unit = 1 << tcb.rcvScale
  const stored = tcb.receiveRing.length + Math.max(0, seqDiff(tcb.rcv.adv, tcb.rcv.nxt))
  assert.ok(stored <= tcb.receiveLimit + unit, `received ${stored} of at most ${tcb.receiveLimit}`)
  assert.ok(tcb.receiveLimit <= tcb.settings.receiveBuffer, 'the receive buffer keeps its limit')
  assert.ok(tcb.receiveRing.bytes.length <= 2 * Math.max(4096, tcb.receiveLimit + unit), 'storage follows the limit')
  assert.ok((tcb.reassembly?.ranges ?? 0) <= 256, 'holes are bounded')
  assert.ok(
    tcb.congestion.cwnd >= Math.min(tcb.mss, 1) && Number.isFinite(tcb.congestion.cwnd),
    `cwnd is a size: ${tcb.congestion.cwnd} by ${tcb.congestion.name}, mss ${tcb.mss}`,
  )
  assert.ok(tcb.mss > 0, 'a segment carries something')

  assert.equal(deadlines.isArmed(Timer.RETRANSMIT), !board.isEmpty, 'RFC 6298 (5.1), (5.2)')
  assert.equal(deadlines.isArmed(Timer.DELAYED_ACK), tcb.ackOwed === AckOwed.DELAYED, 'a delayed ACK has its timer')
  assert.notEqual(tcb.ackOwed, AckOwed.NOW, 'an ACK that is owed now has gone')
  if (deadlines.isArmed(Timer.PERSIST)) {
    assert.ok(tcb.unsent > 0 || (tcb.finQueued && !tcb.finSent), 'the persist timer waits for something')
  }
  if (tcb.finSent && board.isEmpty) {
    assert.ok(!['FIN-WAIT-1', 'CLOSING', 'LAST-ACK'].includes(tcb.state), `the ACK of the FIN was seen in ${tcb.state}`)
  }
  if (deadlines.isArmed(Timer.FIN_WAIT_2)) assert.equal(tcb.state, 'FIN-WAIT-2')
  if (deadlines.isArmed(Timer.REORDER)) assert.ok(!board.isEmpty, 'the reordering timer waits for something')
  const waits = board.isEmpty && (tcb.unsent > 0 || (tcb.finQueued && !tcb.finSent)) && tcb.synAcked
  if (waits && snd.wnd === 0) assert.notEqual(tcb.pollAt(), NEVER, 'RFC 9293 MUST-36: a closed window is probed')
}

/** The scoreboard covers exactly [SND.UNA, SND.NXT), and its sums are right. */
function checkBoard(tcb: Tcb, flight: number): void {
  const { board } = tcb
  let at = tcb.snd.una
  let sacked = 0
  let lost = 0
  let resent = 0
  for (const range of board.ranges) {
    assert.equal(range.start, at, 'ranges join')
    const size = seqDiff(range.end, range.start)
    assert.ok(size > 0, 'no range is empty')
    assert.ok(!(range.sacked && range.lost), 'what the peer holds is not lost')
    if (range.sacked) sacked += size
    if (range.lost) lost += size
    if (range.resent) resent += size
    at = range.end
  }
  assert.equal(at, board.isEmpty ? tcb.snd.una : tcb.snd.nxt, 'the board ends at SND.NXT')
  assert.equal(board.isEmpty, flight === 0 || (!tcb.synAcked && board.isEmpty), 'what is in flight is on the board')
  assert.equal(board.sackedBytes, sacked)
  assert.deepEqual([board.lostBytes, board.resentBytes], [lost, resent])
  assert.equal(board.pipe, board.isEmpty ? 0 : flight - sacked - lost + resent)
}
