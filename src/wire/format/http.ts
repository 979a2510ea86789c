import type { Printer } from './printer.ts'

const METHODS = new Set(
  'GET PUT COPY HEAD LOCK MOVE POLL POST BCOPY BMOVE MKCOL TRACE LABEL MERGE DELETE SEARCH UNLOCK REPORT UPDATE NOTIFY BDELETE CONNECT OPTIONS CHECKIN PROPFIND CHECKOUT CCM_POST SUBSCRIBE PROPPATCH BPROPFIND BPROPPATCH UNCHECKOUT MKACTIVITY MKWORKSPACE UNSUBSCRIBE RPC_CONNECT VERSION-CONTROL BASELINE-CONTROL'.split(
    ' ',
  ),
)
const MAX_TOKEN = 128
const TAB = 9
const LF = 10
const CR = 13

const isPrintable = (octet: number): boolean => octet >= 0x20 && octet < 0x7f

/** The word at `at`, and where the next one starts; an empty word when there is none. */
function word(p: Printer, at: number, end: number): [string, number] {
  let i = at
  let text = ''
  for (; i < end && text.length <= MAX_TOKEN; i++) {
    const octet = p.u8(i)
    if (!isPrintable(octet) || octet === 0x20) break
    text += String.fromCharCode(octet)
  }
  while (i < end && (p.u8(i) === 0x20 || p.u8(i) === TAB)) i++
  return [text, i]
}

/** Prints the line at `at` behind `prefix`; returns where the next one starts, 0 after the last or at binary data. */
function line(p: Printer, prefix: string, at: number, end: number): number {
  for (let i = at; i < end; i++) {
    const octet = p.u8(i)
    if (p.silent) return 0
    const feed = octet === LF ? 1 : octet === CR && i + 1 < end && p.u8(i + 1) === LF ? 2 : 0
    if (feed > 0) {
      p.put(prefix + p.string(at, i - at))
      return i + feed
    }
    if (!isPrintable(octet) && octet !== TAB) return 0
  }
  p.put(prefix + p.string(at, end - at))
  p.truncated()
  return 0
}

/** Prints a request or response of `length` bytes at `at`: its first line, or with -v all its text. */
export function formatHttp(p: Printer, at: number, length: number): undefined {
  p.protocol = 'http'
  const end = at + length
  const captured = Math.min(end, p.end)
  const [first, next] = word(p, at, captured)
  const [second] = word(p, next, captured)
  p.put('HTTP')
  if (!METHODS.has(first.toUpperCase()) && !/^\d{3}$/.test(second)) return
  if (p.options.verbose === 0) {
    line(p, ': ', at, end)
    return
  }
  p.put(`, length: ${length}`)
  for (let i = at; i !== 0 && i < end && !p.silent; ) i = line(p, '\n\t', i, end)
}
