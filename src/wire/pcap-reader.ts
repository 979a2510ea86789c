import { isPcapMagic, PcapReader } from './pcap.ts'
import { CaptureInput } from './pcap-input.ts'
import type { CaptureFault, CaptureRecord, RecordReader } from './pcap-record.ts'
import { PCAPNG_MAGIC, PcapngReader } from './pcapng.ts'

const MAGIC_LENGTH = 4

/** Reads a capture file of either kind; the first four bytes tell which. */
export class CaptureReader implements RecordReader {
  readonly #start = new CaptureInput()
  #reader: RecordReader | undefined

  get fault(): CaptureFault | undefined {
    return this.#start.fault ?? this.#reader?.fault
  }

  push(chunk: Uint8Array): void {
    if (this.#reader !== undefined) {
      this.#reader.push(chunk)
      return
    }
    const start = this.#start
    start.push(chunk)
    if (start.available < MAGIC_LENGTH) return
    const magic = start.view.getUint32(start.at)
    if (isPcapMagic(magic)) this.#reader = new PcapReader()
    else if (magic === PCAPNG_MAGIC) this.#reader = new PcapngReader()
    else start.fail('not-a-capture', 'it begins neither as a pcap nor as a pcapng file does')
    this.#reader?.push(start.bytes.subarray(start.at, start.end))
  }

  next(): CaptureRecord | undefined {
    return this.#reader?.next()
  }

  end(): void {
    if (this.#reader !== undefined) this.#reader.end()
    else this.#start.fail('truncated', 'the file ends within its first four bytes')
  }
}
