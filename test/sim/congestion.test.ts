import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromMs } from '../../src/base/types.ts'
import { formatInfo, infoOf } from '../../src/tcp/info.ts'
import type { TcpOptionsInit } from '../../src/tcp/settings.ts'
import { exchange, Pair } from './pair.ts'

const RATE = 10_000_000
const RTT = 40
/** One bandwidth-delay product. */
const QUEUE = (RATE / 8e3) * RTT
const SECONDS = 10

/** Goodput as a share of the line's rate, and the mean of the smoothed round trip in milliseconds. */
function transfer(tcp: TcpOptionsInit, loss: number) {
  const fault = { loss, delay: fromMs(RTT / 2), rate: RATE, queueBytes: QUEUE }
  const pair = new Pair({ seed: 1, fault, cable: { delay: fromMs(0) }, checks: false })
  let sum = 0
  let count = 0
  pair.a.tcp.watcher = {
    onMoved: () => undefined,
    onSegmentIn: ({ rtt }) => {
      sum += rtt.srtt ?? 0
      count++
    },
    onSegmentOut: () => undefined,
    onTimer: () => undefined,
  }
  const { clients, servers } = exchange(pair, SECONDS * 1000, {
    client: { send: 2 * RATE },
    server: { closesSecond: true },
    tcp,
  })
  const { tcb } = clients[0]!
  pair.close()
  return { share: (servers[0]!.received * 8) / SECONDS / RATE, rtt: sum / count / 1000, tcb }
}

describe('BBR (draft-ietf-ccwg-bbr) in virtual time', () => {
  it('fills a line, and leaves its queue almost empty', () => {
    const { share, rtt, tcb } = transfer({ congestion: 'bbr' }, 0)
    assert.ok(share > 0.85, `${share}`)
    assert.ok(rtt < RTT * 1.5, `${rtt}`)
    const { bbr } = infoOf(tcb, fromMs(SECONDS * 1000))
    assert.ok(bbr !== undefined && Math.abs(bbr.bw / RATE - 1) < 0.15, `${bbr?.bw} of ${RATE} bit/s`)
    assert.match(formatInfo(infoOf(tcb, fromMs(SECONDS * 1000))), / bbr:\(bw:\d+bps,mrtt:4\d[.\d]*,pacing_gain:/)
  })

  it('does not take the losses of the path itself for a queue', () => {
    const bbr = transfer({ congestion: 'bbr' }, 0.02)
    const cubic = transfer({ congestion: 'cubic' }, 0.02)
    assert.ok(bbr.share > 0.7, `${bbr.share}`)
    assert.ok(bbr.share > 2 * cubic.share, `${bbr.share} beside ${cubic.share}`)
  })
})

describe('pacing', () => {
  it('loses nothing of the goodput', () => {
    const [plain, paced] = [transfer({}, 0), transfer({ pacing: true }, 0)]
    assert.ok(paced.share > 0.95 * plain.share, `${paced.share} beside ${plain.share}`)
  })
})
