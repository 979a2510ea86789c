import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { below, seededRng } from '../../src/base/rng.ts'
import { Detector } from '../../src/cli/ids/detector.ts'
import { makeRules } from '../../src/cli/ids/rules.ts'
import { LinkType } from '../../src/wire/pcap-record.ts'
import { tcp } from '../wire/build.ts'
import { FUZZ_FRAMES, mutant } from '../wire/mutate.ts'
import { packetOf } from './ids-watch.ts'

describe(`ids under ${FUZZ_FRAMES} frames`, () => {
  it('takes random and mutated ones without throwing, and its tables stay bounded', () => {
    const rng = seededRng(4)
    const rules = makeRules()
    const detector = new Detector(rules, ({ evidence, subject }) => {
      assert.ok(evidence.length < 300 && subject.length < 200)
    })
    for (let i = 0; i < FUZZ_FRAMES; i++) {
      const packet = packetOf(mutant(rng).slice(), i / 10)
      if (i % 5 === 0) packet.linkType = LinkType.RAW
      packet.wireLength += below(rng, 100)
      detector.watch(packet)
    }
    for (const rule of rules) assert.ok(rule.size <= 65_536, rule.name)
    assert.ok(detector.flows.size <= 65_536)
    assert.ok(detector.alerts.list().length <= 1024)
  })

  it('stays bounded when every frame comes from another address', () => {
    const rng = seededRng(5)
    const rules = makeRules()
    const detector = new Detector(rules, () => {})
    const frame = tcp({ flags: 2 })
    const packet = packetOf(frame, 0)
    const frames = Math.min(FUZZ_FRAMES, 300_000)
    for (let i = 0; i < frames; i++) {
      packet.view.setUint32(26, rng())
      packet.view.setUint32(30, rng())
      packet.view.setUint32(34, rng())
      packet.seconds = 1000 + Math.floor(i / 50_000)
      detector.watch(packet)
    }
    for (const rule of rules) assert.ok(rule.size <= 65_536, rule.name)
    assert.equal(detector.flows.size, 65_536)
    assert.ok(detector.alerts.list().length <= 1024)
  })
})
