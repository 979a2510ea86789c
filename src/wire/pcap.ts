import type { CaptureFormat } from './pcap-format.ts'
import { CaptureInput } from './pcap-input.ts'
import { type CaptureFault, type CaptureRecord, MAX_CAPTURED, type RecordReader } from './pcap-record.ts'

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------------------------------------------------------+
// |                          Magic Number                         |
// +-------------------------------+-------------------------------+
// |         Major Version         |         Minor Version         |
// +-------------------------------+-------------------------------+
// |                    Reserved (time zone, accuracy)             |
// |                                                               |
// +---------------------------------------------------------------+
// |                            SnapLen                            |
// +-------+---------------+---------------------------------------+
// |  FCS  |       0       |               LinkType                |
// +-------+---------------+---------------------------------------+  draft-ietf-opsawg-pcap §4
const HEADER_LENGTH = 24
const VERSION_AT = 4
const SNAPLEN_AT = 16
const LINKTYPE_AT = 20

// Each record: seconds, fraction, captured length, original length.
const RECORD_LENGTH = 16
const FRACTION_AT = 4
const CAPTURED_AT = 8
const ORIGINAL_AT = 12

/** Fractions of a second are microseconds. */
const MAGIC_MICROS = 0xa1b2c3d4
/** Fractions of a second are nanoseconds. */
const MAGIC_NANOS = 0xa1b23c4d
const MAJOR_VERSION = 2
const MINOR_VERSION = 4
const LINKTYPE_MASK = 0xffff

/** Whether a file that begins with these four bytes, read big-endian, is a pcap file of either byte order. */
export const isPcapMagic = (magic: number): boolean => bigEndianMagic(magic) || bigEndianMagic(swapped(magic))

const bigEndianMagic = (magic: number): boolean => magic === MAGIC_MICROS || magic === MAGIC_NANOS

const swapped = (word: number): number =>
  ((word >>> 24) | ((word >>> 8) & 0xff00) | ((word << 8) & 0xff0000) | (word << 24)) >>> 0

/** Reads the classic format of libpcap, in either byte order, in micro- or nanoseconds. */
export class PcapReader implements RecordReader {
  readonly #input = new CaptureInput()
  #begun = false
  #little = false
  #nanosPerUnit = 1000
  #linkType = 0

  get fault(): CaptureFault | undefined {
    return this.#input.fault
  }

  push(chunk: Uint8Array): void {
    this.#input.push(chunk)
  }

  next(): CaptureRecord | undefined {
    const input = this.#input
    if (!this.#begun && !this.#begin()) return undefined
    if (input.available < RECORD_LENGTH) return undefined
    const { view, at } = input
    const captured = view.getUint32(at + CAPTURED_AT, this.#little)
    if (captured > MAX_CAPTURED) {
      return input.fail('record-too-large', `the record claims ${captured} bytes, more than ${MAX_CAPTURED}`)
    }
    if (input.available < RECORD_LENGTH + captured) return undefined
    const nanos = view.getUint32(at + FRACTION_AT, this.#little) * this.#nanosPerUnit
    const from = at + RECORD_LENGTH
    input.skip(RECORD_LENGTH + captured)
    return {
      linkType: this.#linkType,
      seconds: view.getUint32(at, this.#little) + Math.floor(nanos / 1e9),
      nanos: nanos % 1e9,
      bytes: input.bytes.subarray(from, from + captured),
      originalLength: view.getUint32(at + ORIGINAL_AT, this.#little),
      interfaceId: 0,
    }
  }

  end(): void {
    if (!this.#begun && this.fault === undefined) this.#input.fail('truncated', 'the file ends within its header')
    this.#input.finish()
  }

  #begin(): boolean {
    const input = this.#input
    if (input.available < HEADER_LENGTH) return false
    const { view, at } = input
    const magic = view.getUint32(at)
    if (!isPcapMagic(magic)) {
      input.fail('not-a-capture', 'it does not begin as a pcap file does')
      return false
    }
    this.#little = !bigEndianMagic(magic)
    this.#nanosPerUnit = view.getUint32(at, this.#little) === MAGIC_NANOS ? 1 : 1000
    const major = view.getUint16(at + VERSION_AT, this.#little)
    if (major !== MAJOR_VERSION) {
      input.fail('unsupported-version', `the version of the format is ${major}, not ${MAJOR_VERSION}`, VERSION_AT)
      return false
    }
    this.#linkType = view.getUint32(at + LINKTYPE_AT, this.#little) & LINKTYPE_MASK
    input.skip(HEADER_LENGTH)
    this.#begun = true
    return true
  }
}

/** The format every tool reads: little-endian, microseconds. */
export const PCAP: CaptureFormat = {
  overhead: RECORD_LENGTH,
  header(linkType) {
    const bytes = new Uint8Array(HEADER_LENGTH)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, MAGIC_MICROS, true)
    view.setUint16(VERSION_AT, MAJOR_VERSION, true)
    view.setUint16(VERSION_AT + 2, MINOR_VERSION, true)
    view.setUint32(SNAPLEN_AT, MAX_CAPTURED, true)
    view.setUint32(LINKTYPE_AT, linkType, true)
    return bytes
  },
  writeHead(view, at, seconds, nanos, captured, originalLength) {
    view.setUint32(at, seconds, true)
    view.setUint32(at + FRACTION_AT, Math.floor(nanos / 1000), true)
    view.setUint32(at + CAPTURED_AT, captured, true)
    view.setUint32(at + ORIGINAL_AT, originalLength, true)
    return at + RECORD_LENGTH
  },
  writeTail: (_view, _at, end) => end,
}
