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
    const ports = new Ports(seededRng(1), () => false, { first: 100, last: 109 })
    const used = new Set<number>()
    for (let i = 0; i < 10; i++) used.add(ports.claimEphemeral(6, ADDR, (port) => !used.has(port)).port)
    assert.deepEqual([...used].sort(), [100, 101, 102, 103, 104, 105, 106, 107, 108, 109])
    assert.throws(() => ports.claimEphemeral(6, ADDR, (port) => !used.has(port)), { code: 'EADDRNOTAVAIL' })
    assert.throws(() => new Ports(seededRng(1), () => false, { first: 9, last: 8 }), RangeError)
  })

  it('reserves a port of a shared address once, and until its last claim is released', () => {
    const ports = new Ports(seededRng(1), (addr) => addr === ADDR)
    const log: string[] = []
    ports.reserver = (protocol, addr, port) => {
      log.push(`reserve ${protocol} ${addr} ${port}`)
      return { release: () => log.push(`release ${port}`) }
    }
    ports.claim(6, IPV4_ANY, 80).release()
    assert.deepEqual(log, [])
    const first = ports.claim(6, ADDR, 80)
    const second = ports.claim(6, ADDR, 80)
    first.release()
    first.release()
    assert.deepEqual(log, [`reserve 6 ${ADDR} 80`])
    second.release()
    assert.deepEqual(log, [`reserve 6 ${ADDR} 80`, 'release 80'])
    ports.claim(6, ADDR, 81)
    ports.close()
    assert.equal(log[3], 'release 81')
  })

  it('passes over ephemeral ports that the kernel uses, and says so for a port that was asked for', () => {
    const ports = new Ports(seededRng(1), () => true, { first: 100, last: 103 })
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
    const ports = new Ports(seededRng(1), () => false)
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
