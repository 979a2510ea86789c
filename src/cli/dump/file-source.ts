import { createReadStream } from 'node:fs'
import type { Readable } from 'node:stream'
import { CaptureReader } from '../../wire/pcap-reader.ts'
import type { CaptureRecord } from '../../wire/pcap-record.ts'
import { UsageError } from '../exit.ts'
import { linkTypeName, Packet, type PacketSource } from './packet.ts'

/** Reads a capture file, pcap or pcapng; `-` is stdin. It needs no privilege and no addon. */
export function openFile(path: string, stdin: Readable): PacketSource {
  const stream = path === '-' ? stdin : createReadStream(path, { highWaterMark: 1 << 20 })
  return new FileSource(path === '-' ? 'standard input' : `file ${path}`, stream)
}

/** The file cannot be opened or read: whose fault, in one line. */
function wordError(name: string, cause: unknown): unknown {
  const code = cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'there is no such file',
    EACCES: 'you may not read it',
    EISDIR: 'it is a directory',
  }
  const reason = code === undefined ? undefined : reasons[code]
  return reason === undefined ? cause : new UsageError(`Cannot read ${name}: ${reason} (${code})`)
}

class FileSource implements PacketSource {
  readonly engine = 'a capture file'
  linkType: number | undefined
  readonly #name: string
  readonly #stream: Readable
  readonly #packet = new Packet()

  constructor(name: string, stream: Readable) {
    this.#name = name
    this.#stream = stream
  }

  get heading(): string {
    const type = this.linkType === undefined ? '' : `, link-type ${linkTypeName(this.linkType)}`
    return `reading from ${this.#name}${type}`
  }

  async run(onPacket: (packet: Packet) => boolean, signal: AbortSignal, ready: () => Promise<void>): Promise<void> {
    const reader = new CaptureReader()
    const drain = (): boolean => {
      for (let record = reader.next(); record !== undefined; record = reader.next()) {
        if (signal.aborted || !onPacket(this.#fill(record))) return false
      }
      return true
    }
    try {
      for await (const chunk of this.#stream) {
        reader.push(chunk as Uint8Array)
        if (!drain()) return
        if (reader.fault !== undefined) break
        await ready()
      }
    } catch (cause) {
      throw wordError(this.#name, cause)
    }
    reader.end()
    if (!drain() || reader.fault === undefined) return
    throw new UsageError(`${reader.fault.message} (${this.#name})`)
  }

  drops(): undefined {
    return undefined
  }

  close(): void {
    this.#stream.destroy()
  }

  #fill(record: CaptureRecord): Packet {
    const packet = this.#packet
    this.linkType ??= record.linkType
    packet.bytes = record.bytes
    packet.view = new DataView(record.bytes.buffer, record.bytes.byteOffset, record.bytes.byteLength)
    packet.start = 0
    packet.end = record.bytes.length
    packet.wireLength = Math.max(record.originalLength, record.bytes.length)
    packet.linkType = record.linkType
    packet.seconds = record.seconds
    packet.nanos = record.nanos
    return packet
  }
}
