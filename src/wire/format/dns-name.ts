import type { Printer } from './printer.ts'

const POINTER = 0xc0
const MAX_NAME = 255

/** Where the name at `at` ends, without following pointers; -1 when it does not (RFC 1035 §4.1.4). */
export function skipName(p: Printer, at: number): number {
  let i = at
  while (p.has(i, 1)) {
    const length = p.view.getUint8(i)
    if (length === 0) return i + 1
    if ((length & POINTER) === POINTER) return i + 2
    if ((length & POINTER) !== 0) return -1
    i += 1 + length
  }
  return -1
}

/**
 * Prints the name at `at` of the message at `message`; returns where what
 * follows it stands, -1 when the name is broken. Pointers must lead backwards,
 * each further than the one before, so that no name is endless.
 */
export function formatName(p: Printer, at: number, message: number): number {
  let next = -1
  let limit = at - message
  let shown = 0
  let i = at
  if (!p.has(i, 1)) return -1
  if (p.view.getUint8(i) === 0) p.put('.')
  for (;;) {
    if (!p.has(i, 1)) return -1
    const length = p.view.getUint8(i)
    if (length === 0) break
    if ((length & POINTER) === POINTER) {
      if (!p.has(i, 2)) return -1
      if (next < 0) next = i + 2
      const offset = p.view.getUint16(i) & 0x3fff
      if (offset >= limit) {
        p.put('<BAD PTR>')
        return -1
      }
      limit = offset
      i = message + offset
    } else if ((length & POINTER) !== 0) {
      p.put('<BAD LABEL TYPE>')
      return -1
    } else {
      if (shown <= MAX_NAME) p.put(p.string(i + 1, Math.min(length, MAX_NAME - shown)))
      if (!p.has(i + 1, length)) return -1
      shown += length
      if (shown <= MAX_NAME) p.put('.')
      shown++
      i += 1 + length
    }
  }
  if (shown > MAX_NAME) p.put('<DOMAIN NAME TOO LONG>')
  return next < 0 ? i + 1 : next
}
