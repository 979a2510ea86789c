import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ProbeEvent } from '../../src/base/probe.ts'
import { seededRng } from '../../src/base/rng.ts'
import { seqAdd } from '../../src/base/seq.ts'
import { fromMs } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import { FaultLink } from '../../src/link/fault.ts'
import { Host } from '../../src/stack/host.ts'
import { Simulation } from '../../src/stack/simulate.ts'
import { TcpProbe } from '../../src/stack/tcp-probe.ts'
import { TcpFlag, TcpHeader } from '../../src/wire/tcp.ts'
import { passive } from '../tcp/established.ts'

const LIMIT = fromMs(600_000)

describe('TcpProbe', () => {
  it('tells the story of a connection: states with their causes, segments, timers, what went again', async () => {
    const events: ProbeEvent[] = []
    const cable = new Cable({ delay: fromMs(5) })
    const a = new Host({ rng: seededRng(1), hostname: 'a', probe: (event) => events.push(event) })
    const b = new Host({ rng: seededRng(2) })
    a.addInterface(new FaultLink(cable.a, { loss: 0.1, seed: 4 }), { address: '10.0.0.1/24' })
    b.addInterface(cable.b, { address: '10.0.0.2/24' })
    const simulation = new Simulation([a.stack, b.stack])
    const accepted = b.tcp.listen({ port: 80 }).accept()
    const socket = await simulation.runUntilSettled(a.tcp.connect({ host: '10.0.0.2', port: 80 }), LIMIT)
    const peer = await simulation.runUntilSettled(accepted, LIMIT)
    void socket.write(new Uint8Array(100_000)).then(() => socket.end())
    const drained = (async () => {
      for await (const _ of peer);
      peer.end()
      await socket.closed
    })()
    await simulation.runUntilSettled(drained, LIMIT)

    const states = events.filter(({ ev }) => ev === 'state')
    assert.deepEqual(
      states.map(({ from, state, why }) => [from, state, why]),
      [
        ['CLOSED', 'SYN-SENT', 'active open'],
        ['SYN-SENT', 'ESTABLISHED', 'rcv SYN,ACK'],
        ['ESTABLISHED', 'FIN-WAIT-1', 'close'],
        ['FIN-WAIT-1', 'FIN-WAIT-2', 'rcv ACK of FIN'],
        ['FIN-WAIT-2', 'TIME-WAIT', 'rcv FIN'],
      ],
    )
    const out = events.filter(({ ev }) => ev === 'segment_out')
    assert.deepEqual([out[0]!['flags'], out[0]!['seq'], out[0]!['ack']], ['S', 0, null])
    const fresh = out.filter(({ why, len }) => why === 'new' && Number(len) > 0)
    assert.equal(
      fresh.reduce((sum, { len }) => sum + Number(len), 0),
      100_000,
    )
    assert.equal(out.filter(({ why }) => why === 'retransmission').length, socket.info().retrans)
    assert.ok(events.some(({ ev }) => ev === 'segment_in'))
    assert.ok(events.every(({ node, t_us }) => node === 'a' && Number.isInteger(t_us)))
    const received = events.filter(({ ev }) => ev === 'segment_in')
    assert.deepEqual([received[0]!['flags'], received[0]!['seq'], received[0]!['ack']], ['S.', 0, 1])
  })

  it('counts sequence numbers on past 2 GiB, and what is in flight past 4 GiB', () => {
    const events: ProbeEvent[] = []
    const probe = new TcpProbe((event) => events.push(event), 'a')
    const peer = passive()
    const { tcb } = peer
    const header = new TcpHeader()
    for (const sent of [3 * 2 ** 30, 2 ** 32 - 1000]) {
      tcb.snd.una = seqAdd(tcb.snd.iss, sent)
      tcb.snd.nxt = seqAdd(tcb.snd.una, 3000)
      header.seq = seqAdd(tcb.snd.una, 1000)
      header.flags = TcpFlag.ACK
      header.ack = tcb.rcv.nxt
      probe.onSegmentOut(tcb, header, 1000, fromMs(1))
      const { una, nxt, seq, ack } = events.at(-1)!
      assert.deepEqual([una, nxt, seq, ack], [sent, sent + 3000, sent + 1000, 1])
    }
  })
})
