import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseIpv4 } from '../../src/base/address.ts'
import { fastOpenOptionsOf } from '../../src/tcp/fast-open/fast-open.ts'
import { FastOpenKeys, fastOpenKeysOf, parseFastOpenKey } from '../../src/tcp/fast-open/keys.ts'
import { infoOf } from '../../src/tcp/info.ts'
import type { ListenOptions } from '../../src/tcp/passive/listener.ts'
import { IcmpCode, IcmpType } from '../../src/wire/icmp.ts'
import { Peer, THEM, US } from './peer.ts'

const KEY = parseFastOpenKey('a0bf63f7-ed803d81-cd641d30-cebc4a90')
const NEW_KEY = parseFastOpenKey('1-2-3-4')

const cookieOf = (key: typeof KEY): string => Buffer.from(new FastOpenKeys(key).cookieFor(THEM, US)).toString('hex')
const COOKIE = cookieOf(KEY)

/** A listener with Fast Open and a known key. */
function server(options: ListenOptions = { fastOpen: 4 }): Peer {
  const peer = new Peer()
  peer.tcp.fastOpen.configure({ keys: new FastOpenKeys(KEY) })
  peer.listen(options)
  return peer
}

/** A SYN with data and a cookie. */
const syn = (length: number, cookie = COOKIE): string => `S 0:${length}(${length}) <mss 1000,sackOK,FO ${cookie}>`

describe('Fast Open, cookies of a server', () => {
  it('are the SipHash of both addresses, as those of Linux are (RFC 7413 §4.1.2)', () => {
    const keys = new FastOpenKeys(KEY)
    const cookie = (client: string, us: string): string =>
      Buffer.from(keys.cookieFor(parseIpv4(client) as typeof US, parseIpv4(us) as typeof US)).toString('hex')
    assert.equal(cookie('10.248.0.2', '192.168.0.2'), '00abaaabe8e954c2')
    assert.equal(cookie('10.248.0.3', '192.168.0.3'), '76d2c1c530f51f79')
  })

  it('are of a key that is written as hexadecimal words or as bytes', () => {
    assert.deepEqual(
      KEY.map((word) => word >>> 0),
      [0xa0bf63f7, 0xed803d81, 0xcd641d30, 0xcebc4a90],
    )
    const bytes = Buffer.from('f763bfa0813d80ed301d64cd904abcce', 'hex')
    assert.deepEqual(fastOpenKeysOf(bytes).primary, KEY)
    assert.equal(fastOpenKeysOf(bytes).backup, undefined)
    assert.deepEqual(fastOpenKeysOf(Buffer.concat([bytes, bytes])).backup, KEY)
    for (const length of [0, 3, 17, 48]) assert.throws(() => fastOpenKeysOf(new Uint8Array(length)), RangeError)
    for (const text of ['', 'a-b-c', '1-2-3-4-5', '1-2-3-g', '123456789-2-3-4']) {
      assert.throws(() => parseFastOpenKey(text), RangeError)
    }
  })

  it('are given to whoever asks, in the option that asked, and the data is not taken (RFC 7413 §4.2.2)', () => {
    for (const option of ['FO', 'FOEXP']) {
      const peer = server()
      peer.send(`S 0:10(10) <mss 1000,sackOK,${option}>`)
      peer.expect(`S. 0:0(0) ack 1 <mss 1460,sackOK,${option} ${COOKIE}>`)
      assert.equal(peer.tcp.fastOpen.stats.cookieRequests, 1)
      peer.send('. 1:1(0) ack 1')
      peer.accept()
      assert.equal(infoOf(peer.tcb, peer.tcp.now).fastopen, false)
      peer.send('P. 1:11(10) ack 1')
      assert.equal(peer.received, 10)
    }
  })

  it('replace a wrong one, and one of any other length (RFC 7413 §4.2.2)', () => {
    for (const cookie of ['0000000000000000', '00000000', `${COOKIE}00000000`, `${COOKIE}${COOKIE}`]) {
      const peer = server()
      peer.send(syn(10, cookie))
      peer.expect(`S. 0:0(0) ack 1 <mss 1460,sackOK,FO ${COOKIE}>`)
      assert.equal(peer.tcp.fastOpen.stats.passiveFailed, 1)
    }
  })

  it('go out once: the SYN,ACK that is sent again has none', () => {
    const peer = server()
    peer.send('S 0:0(0) <mss 1000,FO>')
    peer.expect(`S. 0:0(0) ack 1 <mss 1460,FO ${COOKIE}>`)
    peer.expectAt(1000, 'S. 0:0(0) ack 1 <mss 1460>')
  })

  it('are taken for a while after the key has changed, and renewed (RFC 7413 §4.1.2)', () => {
    const peer = server()
    const { fastOpen } = peer.tcp
    fastOpen.configure({ keys: fastOpen.keys.rotate(NEW_KEY) })
    peer.send(syn(10))
    peer.expect(`S. 0:0(0) ack 11 <mss 1460,sackOK,FO ${cookieOf(NEW_KEY)}>`)
    assert.equal(fastOpen.stats.backupKey, 1)
    peer.accept()
    fastOpen.configure({ keys: fastOpen.keys.rotate(parseFastOpenKey('5-6-7-8')) })
    peer.forget()
    peer.theirPort++
    peer.send(syn(10))
    assert.equal(peer.next()?.ack, 1)
  })

  it('may be of a key of the listener', () => {
    const peer = server()
    peer.listener!.fastOpen.keys = new FastOpenKeys(NEW_KEY)
    peer.send(syn(10))
    peer.expect(`S. 0:0(0) ack 1 <mss 1460,sackOK,FO ${cookieOf(NEW_KEY)}>`)
  })

  it('do not go to a listener that did not ask for Fast Open, nor in a stack that forbids it', () => {
    for (const peer of [server({}), server()]) {
      if (peer.listener!.fastOpen.limit > 0) peer.tcp.fastOpen.configure({ server: false })
      peer.send(syn(10))
      peer.expect('S. 0:0(0) ack 1 <mss 1460,sackOK>')
      peer.expectNothing()
      assert.equal(peer.listener?.waiting, 0)
    }
  })

  it('are not named to a SYN with data that does not name Fast Open', () => {
    const peer = server()
    peer.send('S 0:10(10) <mss 1000>')
    peer.expect('S. 0:0(0) ack 1 <mss 1460>')
  })

  it('are not needed where the stack is told so (RFC 7413 §7.3)', () => {
    const peer = server()
    peer.tcp.fastOpen.configure(fastOpenOptionsOf(0x202))
    peer.send('S 0:10(10) <mss 1000>')
    peer.expect('S. 0:0(0) ack 11 <mss 1460>')
    peer.accept()
    assert.equal(peer.read(), 10)
  })

  it('serve every listener where the stack is told so', () => {
    const peer = new Peer()
    peer.tcp.fastOpen.configure({ ...fastOpenOptionsOf(0x403), keys: new FastOpenKeys(KEY) })
    peer.listen({ backlog: 3 })
    assert.equal(peer.listener?.fastOpen.limit, 3)
    peer.send(syn(10))
    peer.expect('S. 0:0(0) ack 11 <mss 1460,sackOK>')
  })
})

describe('Fast Open, a server in SYN-RECEIVED', () => {
  it('hands out the connection and its data with the SYN, and sends the answer at once (RFC 7413 §4.2.2)', () => {
    const peer = server()
    peer.send(syn(10))
    peer.expect('S. 0:0(0) ack 11 <mss 1460,sackOK>')
    peer.accept()
    assert.equal(peer.tcb.state, 'SYN-RECEIVED')
    assert.equal(peer.read(), 10)
    assert.equal(infoOf(peer.tcb, peer.tcp.now).fastopen, true)
    peer.write(3000)
    peer.expect('. 1:1001(1000) ack 11')
    peer.expect('. 1001:2001(1000) ack 11')
    peer.expect('P. 2001:3001(1000) ack 11')
    peer.send('. 11:11(0) ack 1')
    assert.equal(peer.tcb.state, 'ESTABLISHED')
    peer.send('P. 11:21(10) ack 3001')
    assert.equal(peer.received, 20)
    assert.equal(peer.tcb.board.isEmpty, true)
    assert.equal(peer.listener?.accept(), undefined)
  })

  it('takes a cookie without data for the same leave', () => {
    const peer = server()
    peer.send(`S 0:0(0) <mss 1000,FO ${COOKIE}>`)
    peer.expect('S. 0:0(0) ack 1 <mss 1460>')
    peer.accept()
    assert.equal(infoOf(peer.tcb, peer.tcp.now).fastopen, false)
    peer.write(10)
    peer.expect('P. 1:11(10) ack 1')
  })

  it('sends no more than the window of the SYN, which is not scaled (RFC 7323 §2.2)', () => {
    const peer = server()
    peer.send(`S 0:10(10) win 2000 <mss 1000,wscale 7,FO ${COOKIE}>`)
    peer.next()
    peer.accept()
    peer.write(5000)
    peer.expect('. 1:1001(1000) ack 11')
    peer.expect('. 1001:2001(1000) ack 11')
    peer.expectNothing()
    peer.send('. 11:11(0) ack 2001 win 100')
    assert.equal(peer.take().length, 3)
  })

  it('answers and ends before the handshake does: data and FIN follow the SYN,ACK', () => {
    const peer = server()
    peer.send(syn(10))
    peer.next()
    peer.accept()
    peer.read()
    peer.write(100)
    peer.do('close')
    peer.expect('P. 1:101(100) ack 11')
    peer.expect('F. 101:101(0) ack 11')
    peer.send('. 11:11(0) ack 102')
    assert.equal(peer.tcb.state, 'FIN-WAIT-2')
    peer.send('F. 11:11(0) ack 102')
    peer.expect('. 102:102(0) ack 12')
  })

  it('repeats the SYN,ACK alone, and the data once the SYN is acknowledged', () => {
    const peer = server()
    peer.send(syn(10))
    peer.next()
    peer.accept()
    peer.write(100)
    peer.expect('P. 1:101(100) ack 11')
    peer.expectAt(1000, 'S. 0:0(0) ack 11 <mss 1460,sackOK>')
    peer.send('. 11:11(0) ack 1')
    peer.expect('P. 1:101(100) ack 11')
    peer.send('. 11:11(0) ack 101')
    assert.equal(peer.tcb.board.isEmpty, true)
  })

  it('answers a SYN that comes again, with data or without, and takes its data once (RFC 7413 §6.1)', () => {
    const peer = server()
    peer.send(syn(10))
    peer.next()
    peer.accept()
    assert.equal(peer.read(), 10)
    for (const again of ['S 0:0(0) <mss 1000,sackOK>', syn(10), syn(500)]) {
      peer.send(again)
      peer.expect('S. 0:0(0) ack 11 <mss 1460,sackOK>')
    }
    assert.equal(peer.read(), 0)
    peer.send('P. 11:21(10) ack 1')
    assert.equal(peer.received, 20)
  })

  it('opens a window that was read empty only after the handshake', () => {
    const peer = server()
    peer.send(syn(900))
    peer.next()
    peer.accept()
    peer.read()
    peer.wait(500)
    peer.expectNothing()
  })

  it('finds what was lost of the data it sent ahead by the ACK that ends the handshake', () => {
    const peer = server()
    peer.send(syn(10))
    peer.next()
    peer.accept()
    peer.write(10_000)
    peer.take()
    peer.wait(10)
    peer.send('. 11:11(0) ack 1 <sack 2001:8001>')
    peer.expect('. 1:1001(1000) ack 11')
    assert.equal(peer.tcb.recovery, 'fast')
  })

  it('takes the FIN that follows, to CLOSE-WAIT', () => {
    const peer = server()
    peer.send(syn(10))
    peer.next()
    peer.send('F. 11:11(0) ack 1')
    peer.expect('. 1:1(0) ack 12')
    peer.accept()
    assert.equal(peer.tcb.state, 'CLOSE-WAIT')
    assert.equal(peer.read(), 10)
  })

  it('tells the user of a reset, and what was received can still be read', () => {
    const peer = server()
    peer.send(syn(10))
    peer.next()
    peer.send('R. 11:11(0) ack 1')
    peer.accept()
    assert.equal(peer.tcb.failure?.code, 'ECONNRESET')
    assert.equal(peer.read(), 10)
  })

  it('keeps its data for the user when the network gives the peer up, and after that only listens to such news', () => {
    for (const accepts of [false, true]) {
      const peer = server()
      peer.send(syn(10))
      peer.next()
      if (accepts) peer.accept()
      peer.icmp(IcmpType.UNREACHABLE, IcmpCode.HOST_UNREACHABLE, peer.link.sent.at(-1)!.bytes)
      if (!accepts) peer.accept()
      assert.equal(peer.tcb.failure?.code, accepts ? undefined : 'EHOSTUNREACH')
      assert.equal(peer.read(), 10)
    }
  })

  it('resets the peer when the data is thrown away, or the listener closes', () => {
    for (const closes of [false, true]) {
      const peer = server()
      peer.send(syn(10))
      peer.next()
      if (closes) peer.tcp.unlisten(peer.listener!)
      else {
        peer.accept()
        peer.do('closeBoth')
      }
      peer.expect('R. 1:1(0) ack 11')
      assert.equal(peer.tcp.size, 0)
    }
  })

  it('gives up on a peer that never confirms, and says so', () => {
    const peer = server()
    peer.send(syn(10))
    peer.accept()
    peer.at(70_000)
    assert.equal(peer.tcb.failure?.code, 'ETIMEDOUT')
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.listener?.fastOpen.length, 0)
  })

  it('challenges a SYN of other numbers (RFC 5961 §4.2)', () => {
    const peer = server()
    peer.send(syn(10))
    peer.next()
    peer.accept()
    peer.send('S 20:20(0)')
    peer.expect('. 1:1(0) ack 11')
    assert.equal(peer.tcb.state, 'SYN-RECEIVED')
  })
})

describe('Fast Open, what strangers can do', () => {
  it('opens no more connections than the queue is long; the others go the usual way (RFC 7413 §5.1)', () => {
    const peer = server({ fastOpen: 2 })
    for (const port of [1001, 1002]) {
      peer.sendFrom(port, syn(10))
      assert.equal(peer.next()?.ack, 11)
    }
    peer.sendFrom(1003, syn(10))
    assert.equal(peer.next()?.ack, 1)
    assert.equal(peer.listener?.fastOpen.length, 2)
    assert.equal(peer.tcp.fastOpen.stats.overflows, 1)
    peer.listener?.accept()
    peer.sendFrom(1004, syn(10))
    assert.equal(peer.next()?.ack, 1, 'accepting one confirms nothing')
  })

  it('frees a place when the handshake ends', () => {
    const peer = server({ fastOpen: 1 })
    peer.send(syn(10))
    peer.next()
    peer.send('. 11:11(0) ack 1')
    assert.equal(peer.listener?.fastOpen.length, 0)
    peer.sendFrom(1001, syn(10))
    assert.equal(peer.next()?.ack, 11)
  })

  it('keeps the place of one that was reset for a minute: the reset may come from the host whose address was used', () => {
    const peer = server({ fastOpen: 1 })
    peer.send(syn(10))
    peer.next()
    peer.send('R 11:11(0)')
    peer.sendFrom(1001, syn(10))
    assert.equal(peer.next()?.ack, 1)
    peer.at(61_000)
    peer.take()
    peer.sendFrom(1002, syn(10))
    assert.equal(peer.next()?.ack, 11)
  })

  it('yields to SYN cookies in a flood', () => {
    const peer = server({ fastOpen: 100, backlog: 4 })
    for (let port = 1001; port <= 1004; port++) peer.sendFrom(port, 'S 0:0(0) <mss 1000>')
    peer.take()
    peer.sendFrom(1005, syn(10))
    const answer = peer.next()
    assert.equal(answer?.ack, 1)
    assert.equal(answer?.options.FO, undefined)
    assert.equal(peer.listener?.stats.cookiesSent, 1)
  })
})

describe('a half-open connection', () => {
  it('survives a SYN that comes again with data', () => {
    const peer = server({})
    peer.send('S 0:10(10) <mss 1000>')
    peer.expect('S. 0:0(0) ack 1')
    peer.send('S 0:10(10) <mss 1000>')
    peer.expect('S. 0:0(0) ack 1')
    peer.send('. 1:1(0) ack 1')
    peer.accept()
  })
})
