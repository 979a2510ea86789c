/** Of an answer: what stands before the empty line (RFC 9112 §2.1). */
export interface HttpHead {
  readonly status: number
  /** For people: printable ASCII, at most 100 characters. */
  readonly reason: string
  /** Names in lower case; several lines of one name are joined by commas (RFC 9110 §5.3). */
  readonly fields: ReadonlyMap<string, string>
  /** Octets of it, the empty line included. */
  readonly length: number
}

/** Octets that a head may have. */
export const MAX_HEAD = 8192

const MAX_REASON = 100
const END = '\r\n\r\n'
const START = 'HTTP/1.'
/** RFC 9112 §4. */
const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/
/** RFC 9112 §5, without the folding of lines, which is obsolete. */
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9a-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/i

/**
 * The head at the beginning of `bytes`; 'more' while it may become one; else, for people, why it never will. As strict as
 * RFC 9112 lets be: lines end with CR LF, and there are at most `MAX_HEAD` octets.
 */
export function parseHead(bytes: Buffer): HttpHead | 'more' | { readonly problem: string } {
  const start = bytes.toString('latin1', 0, START.length)
  if (!START.startsWith(start)) return { problem: `it speaks no HTTP: it began with ${quote(bytes)}` }
  const end = bytes.subarray(0, MAX_HEAD).indexOf(END, 0, 'latin1')
  if (end < 0) {
    if (bytes.length < MAX_HEAD) return 'more'
    return { problem: `the head of its answer is longer than ${MAX_HEAD} octets` }
  }
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const status = STATUS_LINE.exec(statusLine)
  if (status === null) return { problem: `its answer has no status: ${quote(bytes)}` }
  const fields = new Map<string, string>()
  for (const line of lines) {
    const [, name, value] = FIELD_LINE.exec(line) ?? []
    if (name === undefined || value === undefined) return { problem: 'its answer has a line that is no header field' }
    const key = name.toLowerCase()
    const before = fields.get(key)
    fields.set(key, before === undefined ? value : `${before}, ${value}`)
  }
  return { status: Number(status[1]), reason: printable(status[2] ?? ''), fields, length: end + END.length }
}

const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_REASON)

const quote = (bytes: Buffer): string => `"${printable(bytes.toString('latin1', 0, 40))}"`
