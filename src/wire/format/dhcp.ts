import { bitNames, hex, type Printer } from './printer.ts'

// RFC 2131 §2: offsets of the fields.
const OP = 0
const HARDWARE_TYPE = 1
const HARDWARE_LEN = 2
const HOPS = 3
const XID = 4
const SECS = 8
const FLAGS = 10
const CLIENT_IP = 12
const YOUR_IP = 16
const SERVER_IP = 20
const GATEWAY_IP = 24
const CLIENT_MAC = 28
const VENDOR = 236

const MAGIC_COOKIE = 0x63825363
const PAD = 0
const END = 255
const MESSAGE_TYPE = 53
const PARAMETER_REQUEST = 55
const CLIENT_ID = 61

const OPERATIONS: Readonly<Record<number, string>> = { 1: 'Request', 2: 'Reply' }
const MESSAGES: readonly string[] = ['', 'Discover', 'Offer', 'Request', 'Decline', 'ACK', 'NACK', 'Release', 'Inform']

/** How an option's data is shown: addresses, numbers of 4, 2 or 1 bytes, text, or bytes. */
type Shape = 'ip' | 'u32' | 'u16' | 'text' | 'bytes'

/** Options of RFC 2132 under tcpdump's names. */
const OPTIONS: Readonly<Record<number, readonly [string, Shape]>> = {
  1: ['Subnet-Mask', 'ip'],
  3: ['Default-Gateway', 'ip'],
  6: ['Domain-Name-Server', 'ip'],
  12: ['Hostname', 'text'],
  15: ['Domain-Name', 'text'],
  26: ['MTU', 'u16'],
  28: ['BR', 'ip'],
  33: ['Static-Route', 'bytes'],
  42: ['NTP', 'ip'],
  43: ['Vendor-Option', 'bytes'],
  44: ['Netbios-Name-Server', 'ip'],
  47: ['Netbios-Scope', 'text'],
  50: ['Requested-IP', 'ip'],
  51: ['Lease-Time', 'u32'],
  52: ['OO', 'bytes'],
  53: ['DHCP-Message', 'bytes'],
  54: ['Server-ID', 'ip'],
  55: ['Parameter-Request', 'bytes'],
  56: ['MSG', 'text'],
  57: ['MSZ', 'u16'],
  58: ['RN', 'u32'],
  59: ['RB', 'u32'],
  60: ['Vendor-Class', 'text'],
  61: ['Client-ID', 'bytes'],
  66: ['TFTP', 'text'],
  67: ['BF', 'text'],
  81: ['FQDN', 'bytes'],
  82: ['Agent-Information', 'bytes'],
  119: ['Domain-Search', 'bytes'],
  121: ['Classless-Static-Route', 'bytes'],
  252: ['Unknown', 'bytes'],
}

function several(length: number, size: number, each: (offset: number) => string): string {
  const out: string[] = []
  for (let i = 0; i + size <= length; i += size) out.push(each(i))
  return out.join(',')
}

function optionText(p: Printer, tag: number, at: number, length: number): string {
  if (tag === MESSAGE_TYPE && length === 1) return MESSAGES[p.u8(at)] ?? `Unknown (${p.u8(at)})`
  if (tag === PARAMETER_REQUEST) {
    let out = ''
    for (let i = 0; i < length; i++) {
      const asked = p.u8(at + i)
      out += `${i % 4 === 0 ? '\n\t      ' : ', '}${OPTIONS[asked]?.[0] ?? 'Unknown'} (${asked})`
    }
    return out
  }
  if (tag === CLIENT_ID && length === 7 && p.u8(at) === 1) return `ether ${p.mac(at + 1)}`
  switch (OPTIONS[tag]?.[1] ?? 'bytes') {
    case 'ip':
      return several(length, 4, (i) => p.ip4(at + i))
    case 'u32':
      return several(length, 4, (i) => String(p.u32(at + i)))
    case 'u16':
      return several(length, 2, (i) => String(p.u16(at + i)))
    case 'text':
      return `"${p.string(at, length)}"`
    default:
      return p.octets(at, length, ':')
  }
}

function options(p: Printer, at: number): undefined {
  p.put(`\n\t  Vendor-rfc1048 Extensions\n\t    Magic Cookie 0x${hex(MAGIC_COOKIE, 8)}`)
  for (let i = at + 4; p.has(i, 1) && !p.silent; ) {
    const tag = p.u8(i++)
    if (tag === PAD) continue
    if (tag === END) return
    const length = p.u8(i++)
    p.put(`\n\t    ${OPTIONS[tag]?.[0] ?? 'Unknown'} (${tag}), length ${length}${length > 0 ? ': ' : ''}`)
    if (!p.has(i, length)) return p.truncated()
    p.put(optionText(p, tag, i, length))
    i += length
  }
}

/** Prints the BOOTP or DHCP message of `length` bytes at `at`. */
export function formatDhcp(p: Printer, at: number, length: number): undefined {
  p.protocol = 'bootp'
  const operation = p.u8(at + OP)
  p.put(`BOOTP/DHCP, ${OPERATIONS[operation] ?? `unknown (0x${hex(operation, 2)})`}`)
  const hardware = p.u8(at + HARDWARE_TYPE)
  const hardwareLen = p.u8(at + HARDWARE_LEN)
  const hasMac = hardware === 1 && hardwareLen === 6
  if (hasMac && operation === 1) p.put(` from ${p.mac(at + CLIENT_MAC)}`)
  p.put(`, length ${length}`)
  if (p.options.verbose === 0) return

  if (hardware !== 1) p.put(`, htype ${hardware}`)
  if (!hasMac) p.put(`, hlen ${hardwareLen}`)
  if (p.u8(at + HOPS) !== 0) p.put(`, hops ${p.u8(at + HOPS)}`)
  if (p.u32(at + XID) !== 0) p.put(`, xid 0x${hex(p.u32(at + XID))}`)
  if (p.u16(at + SECS) !== 0) p.put(`, secs ${p.u16(at + SECS)}`)
  const flags = p.u16(at + FLAGS)
  p.put(`, Flags [${bitNames(flags, [[0x8000, 'Broadcast']])}]`)
  if (p.options.verbose > 1) p.put(` (0x${hex(flags, 4)})`)
  const address = (name: string, offset: number): undefined => {
    if (p.u32(at + offset) !== 0) p.put(`\n\t  ${name} ${p.ip4(at + offset)}`)
  }
  address('Client-IP', CLIENT_IP)
  address('Your-IP', YOUR_IP)
  address('Server-IP', SERVER_IP)
  address('Gateway-IP', GATEWAY_IP)
  if (hasMac) p.put(`\n\t  Client-Ethernet-Address ${p.mac(at + CLIENT_MAC)}`)
  if (!p.has(at + VENDOR, 4)) return p.truncated()
  const cookie = p.u32(at + VENDOR)
  if (cookie === MAGIC_COOKIE) options(p, at + VENDOR)
  else if (cookie !== 0) p.put(`\n\t  Vendor-#0x${hex(cookie)}`)
}
