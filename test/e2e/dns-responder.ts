import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { freePort } from '../transport/free-port.ts'

const HEADER = 12
const TYPE_A = 1
const TYPE_TXT = 16
const CLASS_IN = 1
/** Flags of an answer, and of one that was cut short (RFC 1035 §4.1.1). */
const ANSWER = 0x8180
const TRUNCATED = 0x0200
/** What goes into a datagram without EDNS (RFC 1035 §2.3.4). */
const MAX_DATAGRAM = 512

/**
 * A small name server on one port of UDP and TCP. An address of `a-b-c-d.test` is a.b.c.d; text of `N.text` is so many
 * strings, which a datagram holds if they are few.
 */
export class DnsResponder {
  readonly stats = { datagrams: 0, streams: 0 }
  /** From where a name was asked for by datagram, `address:port`. */
  readonly sources = new Map<string, string>()
  readonly #udp: UdpSocket
  readonly #tcp: Server

  private constructor() {
    this.#udp = createSocket('udp4', (query, from) => {
      this.stats.datagrams++
      this.sources.set(question(query).name, `${from.address}:${from.port}`)
      const whole = answer(query)
      const short = whole.length <= MAX_DATAGRAM ? whole : truncated(query)
      this.#udp.send(short, from.port, from.address)
    })
    this.#tcp = createServer((socket) => {
      this.stats.streams++
      let bytes = Buffer.alloc(0)
      socket.on('error', () => undefined)
      socket.on('data', (part) => {
        bytes = Buffer.concat([bytes, part])
        // RFC 1035 §4.2.2: the length stands before each message.
        while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
          const end = 2 + bytes.readUInt16BE(0)
          const whole = answer(bytes.subarray(2, end))
          bytes = bytes.subarray(end)
          socket.write(Buffer.concat([uint16(whole.length), whole]))
        }
      })
    })
  }

  static async start(): Promise<DnsResponder> {
    const responder = new DnsResponder()
    const port = await freePort()
    await new Promise<void>((resolve) => responder.#udp.bind(port, '127.0.0.1', resolve))
    await new Promise<void>((resolve) => responder.#tcp.listen(port, '127.0.0.1', resolve))
    return responder
  }

  get port(): number {
    return this.#udp.address().port
  }

  close(): void {
    this.#udp.close()
    this.#tcp.close()
  }
}

const uint16 = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(2 * values.length)
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, 2 * i)
  return bytes
}

/** The question of a message: its name, and where it ends. */
function question(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = []
  let at = HEADER
  while (query[at] !== 0) {
    const length = query[at]!
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 }
}

function answer(query: Buffer): Buffer {
  const { name, type, end } = question(query)
  const contents = contentsOf(name, type)
  const head = Buffer.concat([query.subarray(0, 2), uint16(ANSWER, 1, contents.length, 0, 0)])
  const records = contents.map((content) =>
    // A pointer to the question's name, and a minute to live.
    Buffer.concat([uint16(0xc000 | HEADER, type, CLASS_IN, 0, 60, content.length), content]),
  )
  return Buffer.concat([head, query.subarray(HEADER, end), ...records])
}

function contentsOf(name: string, type: number): readonly Buffer[] {
  const [first = ''] = name.split('.')
  if (type === TYPE_A) return [Buffer.from(first.split('-').map(Number))]
  if (type !== TYPE_TXT) return []
  return Array.from({ length: Number(first) }, (_, i) => {
    const text = Buffer.from(`string ${i} ${'x'.repeat(80)}`)
    return Buffer.concat([Uint8Array.of(text.length), text])
  })
}

function truncated(query: Buffer): Buffer {
  const { end } = question(query)
  return Buffer.concat([query.subarray(0, 2), uint16(ANSWER | TRUNCATED, 1, 0, 0, 0), query.subarray(HEADER, end)])
}

/** A question for an address, as a client of its own would ask it. */
export function addressQuery(id: number, name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`, 'latin1'))
  return Buffer.concat([uint16(id, 0x0100, 1, 0, 0, 0), ...labels, Buffer.alloc(1), uint16(TYPE_A, CLASS_IN)])
}
