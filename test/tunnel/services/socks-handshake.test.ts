import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SocksHandshake } from '../../../src/tunnel/services/socks-handshake.ts'

const hex = (text: string): Buffer => Buffer.from(text.replace(/ /g, ''), 'hex')
const LOGIN = { user: 'ada', password: 'secret' }

describe('SocksHandshake', () => {
  /** All that is said to the client, and what came of it. */
  const play = (bytes: Buffer, login?: typeof LOGIN, size = bytes.length): string => {
    const parser = new SocksHandshake(login)
    let said = ''
    for (let at = 0; at < bytes.length; at += size) {
      const { say, wish, rest, failure } = parser.push(bytes.subarray(at, at + size))
      said += Buffer.from(say ?? []).toString('hex')
      if (failure !== undefined) return `${said} failure ${failure}`
      if (wish !== undefined) return `${said} ${wish.command} ${wish.to.host} ${wish.to.port} ${rest!.toString()}`
    }
    return `${said} more`
  }

  it('reads a request however it is cut, and keeps what follows (RFC 1928 §3, §4)', () => {
    const bytes = hex('050100 05010003 03 782e79 0050')
    for (const size of [1, 2, 5, 100]) assert.equal(play(bytes, undefined, size), '0500 1 x.y 80 ')
    assert.equal(play(Buffer.concat([bytes, Buffer.from('GET')])), '0500 1 x.y 80 GET')
    assert.equal(play(hex('050100 05010001 c0000201 01bb')), '0500 1 192.0.2.1 443 ')
    assert.equal(play(hex(`050100 05030004 ${'0'.repeat(31)}1 0035`)), '0500 3 0:0:0:0:0:0:0:1 53 ')
  })

  it('asks for name and password where it is told to (RFC 1929)', () => {
    const request = '05010001 c0000201 01bb'
    for (const size of [1, 100]) {
      assert.equal(play(hex(`05020002 0103616461 06736563726574 ${request}`), LOGIN, size), '05020100 1 192.0.2.1 443 ')
    }
    assert.equal(play(hex('050102 0103616461 0673656372657a'), LOGIN), '05020101 failure 4')
    assert.equal(play(hex('050102 0100 00'), LOGIN), '05020101 failure 4')
    assert.equal(play(hex('050100'), LOGIN), '05ff failure 4')
    assert.equal(play(hex('050102')), '05ff failure 4')
    assert.equal(play(hex('050102 05'), LOGIN), '0502 failure 6')
  })

  it('refuses what it does not do, and says so (RFC 1928 §6)', () => {
    const nowhere = '00 01 00000000 0000'.replace(/ /g, '')
    assert.equal(play(hex('050100 05020001 c0000201 01bb')), `05000507${nowhere} failure 4`)
    assert.equal(play(hex('050100 05090001 c0000201 01bb')), `05000507${nowhere} failure 4`)
    assert.equal(play(hex('050100 05010002 c0000201 01bb')), `05000508${nowhere} failure 6`)
    assert.equal(play(hex('050100 05010003 00 0050')), `05000504${nowhere} failure 2`)
    assert.equal(play(hex('050100 05010003 02 0a0d 0050')), `05000504${nowhere} failure 2`)
    assert.equal(play(hex('04010050 c0000201 00')), ' failure 6')
    assert.equal(play(Buffer.from('GET / HTTP/1.1\r\n')), ' failure 6')
    assert.equal(play(hex('050100 06')), '0500 failure 6')
  })

  it('takes any octets without throwing', () => {
    let seed = 1
    const random = (): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
      return seed >>> 16
    }
    for (let round = 0; round < 3000; round++) {
      const bytes = Buffer.from(Array.from({ length: random() % 40 }, () => random() % 256))
      const head = [Buffer.alloc(0), hex('050100'), hex('050100 0501 00'), hex('050102 0103616461 06736563726574')]
      play(Buffer.concat([head[round % 4]!, bytes]), round % 2 === 0 ? undefined : LOGIN, 1 + (random() % 9))
    }
  })
})
