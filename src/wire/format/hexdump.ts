const LINE = 16
/** Eight groups of a space and four digits. */
const HEX_WIDTH = 40

const isGraph = (octet: number): boolean => octet > 0x20 && octet < 0x7f

function groups(bytes: Uint8Array, from: number, to: number): string {
  let out = ''
  for (let i = from; i < to; i++) out += ((i - from) & 1 ? '' : ' ') + bytes[i]!.toString(16).padStart(2, '0')
  return out
}

function graphs(bytes: Uint8Array, from: number, to: number): string {
  let out = ''
  for (let i = from; i < to; i++) out += isGraph(bytes[i]!) ? String.fromCharCode(bytes[i]!) : '.'
  return out
}

/** `bytes[from, to)` in lines of sixteen, as tcpdump -x prints them, or -X with `ascii`. Each line starts with `indent`. */
export function hexdump(bytes: Uint8Array, from: number, to: number, ascii: boolean, indent = '\n\t'): string {
  let out = ''
  for (let at = from; at < to; at += LINE) {
    const end = Math.min(at + LINE, to)
    const digits = groups(bytes, at, end)
    out += `${indent}0x${(at - from).toString(16).padStart(4, '0')}: `
    out += ascii ? `${digits.padEnd(HEX_WIDTH)}  ${graphs(bytes, at, end)}` : digits
  }
  return out
}

/** `bytes[from, to)` as text on lines of its own, as tcpdump -A prints it. */
export function asciiDump(bytes: Uint8Array, from: number, to: number): string {
  let out = '\n'
  for (let i = from; i < to; i++) {
    const octet = bytes[i]!
    if (octet === 0x0d) out += i + 2 < to && bytes[i + 1] !== 0x0a ? '.' : ''
    else out += isGraph(octet) || octet === 0x20 || octet === 0x09 || octet === 0x0a ? String.fromCharCode(octet) : '.'
  }
  return out
}
