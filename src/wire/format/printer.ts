import { formatIpv4, formatMac, type Ipv4Addr } from '../../base/address.ts'
import { readMac } from '../ethernet.ts'
import { readIpv6 } from '../ipv6.ts'
import type { FormatOptions } from './options.ts'
import type { SequenceBases } from './sequence-bases.ts'

export const hex = (value: number, digits = 0): string => (value >>> 0).toString(16).padStart(digits, '0')

/** Bits with their names, in the order they are shown. */
export type BitNames = readonly (readonly [bit: number, name: string])[]

/** Names of the bits set in `value`; `none` when there is none that has a name. */
export function bitNames(value: number, names: BitNames, separator = ', '): string {
  const set = names.filter(([bit]) => (value & bit) !== 0).map(([, name]) => name)
  return set.length === 0 ? 'none' : set.join(separator)
}

/**
 * Puts one frame into words.
 *
 * Reads are safe: the first one behind the captured bytes prints `[|protocol]`,
 * returns 0 and silences the printer, so that no formatter has to check each
 * field and none can throw. Loops in formatters end by `silent` or by a length.
 */
export class Printer {
  readonly view: DataView
  readonly bytes: Uint8Array
  readonly options: FormatOptions
  readonly bases: SequenceBases
  /** Whether the transport checksum was left to the hardware, so that it means nothing. */
  readonly partialChecksum: boolean
  /** Where the readable bytes end: of the capture, or of the packet being read. */
  end: number
  /** What the truncation mark calls the bytes being read. */
  protocol = ''
  text = ''
  silent = false
  /** How many IP packets the one being read lies in. */
  depth = 0

  constructor(bytes: Uint8Array, end: number, options: FormatOptions, bases: SequenceBases, partialChecksum: boolean) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.end = end
    this.options = options
    this.bases = bases
    this.partialChecksum = partialChecksum
  }

  put(text: string): undefined {
    if (!this.silent) this.text += text
  }

  /** Whether `length` bytes at `at` were captured. */
  has(at: number, length: number): boolean {
    return at + length <= this.end
  }

  truncated(): undefined {
    this.put(` [|${this.protocol}]`)
  }

  invalid(): undefined {
    this.put(' (invalid)')
  }

  /** Narrows the readable bytes to `length` from `at`; returns the end to be restored. */
  narrow(at: number, length: number): number {
    const outer = this.end
    this.end = Math.min(outer, at + length)
    return outer
  }

  #readable(at: number, length: number): boolean {
    if (at + length <= this.end) return true
    this.truncated()
    this.silent = true
    return false
  }

  u8(at: number): number {
    return this.#readable(at, 1) ? this.view.getUint8(at) : 0
  }

  u16(at: number): number {
    return this.#readable(at, 2) ? this.view.getUint16(at) : 0
  }

  u32(at: number): number {
    return this.#readable(at, 4) ? this.view.getUint32(at) : 0
  }

  mac(at: number): string {
    return this.#readable(at, 6) ? formatMac(readMac(this.view, at)) : ''
  }

  ip4(at: number): string {
    return this.options.hostName(formatIpv4(this.u32(at) as Ipv4Addr))
  }

  ip6(at: number): string {
    return this.#readable(at, 16) ? this.options.hostName(readIpv6(this.view, at)) : ''
  }

  port(port: number, protocol: 'tcp' | 'udp'): string {
    return this.options.portName(port, protocol)
  }

  /** `length` bytes as lower-case hexadecimal. */
  octets(at: number, length: number, separator = ''): string {
    const out: string[] = []
    for (let i = at; i < at + length && !this.silent; i++) out.push(hex(this.u8(i), 2))
    return out.join(separator)
  }

  /** Printable text up to the first NUL of `length` bytes. */
  paddedString(at: number, length: number): string {
    const nul = this.bytes.subarray(at, Math.min(at + length, this.end)).indexOf(0)
    return this.string(at, nul < 0 ? length : nul)
  }

  /** Printable text of `length` bytes; others in caret notation. Stops where the bytes do, without a mark. */
  string(at: number, length: number): string {
    let out = ''
    const to = Math.min(at + length, this.end)
    for (let i = at; i < to; i++) out += caret(this.bytes[i]!)
    return out
  }
}

function caret(octet: number): string {
  const low = octet & 0x7f
  const shown = low < 0x20 || low === 0x7f ? `^${String.fromCharCode(low ^ 0x40)}` : String.fromCharCode(low)
  return octet > 0x7f ? `M-${shown}` : shown
}
