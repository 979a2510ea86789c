import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSynchronized, next, type TcpState, TRANSITIONS, toMermaid } from '../../src/tcp/fsm.ts'

const STATES = Object.keys(TRANSITIONS) as TcpState[]

describe('the state machine (RFC 9293 §3.3.2, Figure 5)', () => {
  it('has the eleven states, each reached from CLOSED and each leading back to it', () => {
    assert.equal(STATES.length, 11)
    const reach = (from: TcpState): Set<TcpState> => {
      const seen = new Set([from])
      for (const state of seen) for (const to of Object.values(TRANSITIONS[state])) seen.add(to)
      return seen
    }
    assert.equal(reach('CLOSED').size, 11)
    for (const state of STATES) assert.ok(reach(state).has('CLOSED'), state)
  })

  it('draws the edges of the figure', () => {
    const edges = [
      ['CLOSED', 'passive open', 'LISTEN'],
      ['CLOSED', 'active open', 'SYN-SENT'],
      ['LISTEN', 'rcv SYN', 'SYN-RECEIVED'],
      ['SYN-SENT', 'rcv SYN', 'SYN-RECEIVED'],
      ['SYN-SENT', 'rcv SYN,ACK', 'ESTABLISHED'],
      ['SYN-RECEIVED', 'rcv ACK of SYN', 'ESTABLISHED'],
      ['ESTABLISHED', 'close', 'FIN-WAIT-1'],
      ['ESTABLISHED', 'rcv FIN', 'CLOSE-WAIT'],
      ['FIN-WAIT-1', 'rcv ACK of FIN', 'FIN-WAIT-2'],
      ['FIN-WAIT-1', 'rcv FIN', 'CLOSING'],
      ['FIN-WAIT-2', 'rcv FIN', 'TIME-WAIT'],
      ['CLOSE-WAIT', 'close', 'LAST-ACK'],
      ['CLOSING', 'rcv ACK of FIN', 'TIME-WAIT'],
      ['LAST-ACK', 'rcv ACK of FIN', 'CLOSED'],
      ['TIME-WAIT', 'timeout 2MSL', 'CLOSED'],
    ] as const
    const drawing = toMermaid()
    for (const [from, event, to] of edges) {
      assert.equal(next(from, event), to)
      assert.ok(drawing.includes(`${from} --> ${to}: ${event}`.replaceAll(/(?<=\w)-(?=\w)/g, '_')))
    }
    assert.equal(next('TIME-WAIT', 'close'), undefined)
  })

  it('calls synchronized what has both SYNs acknowledged (§3.3.2)', () => {
    const not = STATES.filter((state) => !isSynchronized(state))
    assert.deepEqual(not, ['CLOSED', 'LISTEN', 'SYN-SENT', 'SYN-RECEIVED'])
  })
})
