import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IPV4_ANY } from '../../src/base/address.ts'
import { NetError } from '../../src/base/errors.ts'
import { seededRng } from '../../src/base/rng.ts'
import { Ports } from '../../src/stack/ports.ts'
import { ip } from './net.ts'

const ADDR = ip('10.0.0.1')
const always = (): boolean => true

describe('Ports', () => {
  it('finds the last free ephemeral port, and none when there is none', () => {
    const ports = new Ports(seededRng(1), () => [], { first: 100, last: 109 })
    const used = new Set<number>()
    for (let i = 0; i < 10; i++) used.add(ports.claimEphemeral(6, ADDR, (port) => !used.has(port)).port)
    assert.deepEqual([...used].sort(), [100, 101, 102, 103, 104, 105, 106, 107, 108, 109])
    assert.throws(() => ports.claimEphemeral(6, ADDR, (port) => !used.has(port)), { code: 'EADDRNOTAVAIL' })
    assert.throws(() => new Ports(seededRng(1), () => [], { first: 9, last: 8 }), RangeError)
  })

  it('reserves a port of a shared address once, and until its last claim is released', () => {
    const ports = new Ports(seededRng(1), () => [ADDR])
    const log: string[] = []
    ports.reserver = (protocol, addr, port) => {
      log.push(`reserve ${protocol} ${addr} ${port}`)
      return { release: () => log.push(`release ${port}`) }
    }
    ports.claim(6, ip('10.0.0.2'), 80).release()
    assert.deepEqual(log, [])
    const first = ports.claim(6, ADDR, 80)
    const second = ports.claim(6, ADDR, 80)
    first.release()
    assert.deepEqual(log, [`reserve 6 ${ADDR} 80`])
    second.release()
    assert.deepEqual(log, [`reserve 6 ${ADDR} 80`, 'release 80'])
    ports.claim(6, ADDR, 81)
    ports.close()
    assert.equal(log[3], 'release 81')
  })

  it("reserves no address twice: a port of all addresses and that of one are not in each other's way", () => {
    const other = ip('10.0.1.1')
    const taken = new Set<string>()
    const ports = new Ports(seededRng(1), () => [ADDR, other])
    ports.reserver = (_protocol, addr, port) => {
      // As the kernel does: 0.0.0.0 and any other address exclude each other.
      const clash = [...taken].some((one) => one === `${addr}:${port}` || one === `${IPV4_ANY}:${port}`)
      if (clash || (addr === IPV4_ANY && taken.size > 0)) throw new NetError('EADDRINUSE', 'Port is taken')
      taken.add(`${addr}:${port}`)
      return { release: () => void taken.delete(`${addr}:${port}`) }
    }
    for (const order of [
      [ADDR, IPV4_ANY, other],
      [IPV4_ANY, ADDR, other],
    ]) {
      const claims = order.map((addr) => ports.claim(6, addr, 80))
      assert.equal(taken.size, order[0] === IPV4_ANY ? 1 : 2)
      claims[0]!.release()
      claims[1]!.release()
      assert.ok(taken.size > 0)
      claims[2]!.release()
      assert.equal(taken.size, 0)
    }
    taken.add(`${other}:90`)
    const one = ports.claim(6, ADDR, 90)
    assert.throws(() => ports.claim(6, IPV4_ANY, 90), { code: 'EADDRINUSE' })
    one.release()
    assert.deepEqual([...taken], [`${other}:90`])
  })

  it('passes over ephemeral ports that the kernel uses, and says so for a port that was asked for', () => {
    const ports = new Ports(seededRng(1), () => [ADDR], { first: 100, last: 103 })
    ports.reserver = (_protocol, _addr, port) => {
      if (port !== 102) throw new NetError('EADDRINUSE', 'Port is taken')
      return { release() {} }
    }
    assert.equal(ports.claimEphemeral(6, ADDR, always).port, 102)
    assert.throws(() => ports.claim(6, ADDR, 101), { code: 'EADDRINUSE' })
    ports.reserver = () => {
      throw new NetError('EPERM', 'Not allowed')
    }
    assert.throws(() => ports.claimEphemeral(6, ADDR, (port) => port !== 102), { code: 'EPERM' })
  })

  it('knows its ports by protocol, address and number, and those of all addresses', () => {
    const ports = new Ports(seededRng(1), () => [])
    const other = ip('10.0.0.2')
    const held = () => [ADDR, other].map((addr) => ports.isHeld(6, addr, 80))
    const one = ports.claim(6, ADDR, 80)
    assert.deepEqual([...held(), ports.isHeld(17, ADDR, 80), ports.isHeld(6, ADDR, 81)], [true, false, false, false])
    const all = ports.claim(6, IPV4_ANY, 80)
    assert.deepEqual([...held(), ports.size], [true, true, 2])
    one.release()
    assert.deepEqual([...held(), ports.size], [true, true, 1])
    all.release()
    assert.deepEqual([...held(), ports.size], [false, false, 0])
    const late = ports.claim(6, ADDR, 80)
    ports.close()
    ports.claim(6, ADDR, 80)
    late.release()
    assert.deepEqual(held(), [true, false], 'a claim from before the close frees nothing')
  })
})
