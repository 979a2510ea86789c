import type { CaptureFormat } from './pcap-format.ts'
import { CaptureInput } from './pcap-input.ts'
import { type CaptureFault, type CaptureRecord, MAX_CAPTURED, type RecordReader } from './pcap-record.ts'

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------------------------------------------------------+
// |                          Block Type                           |
// +---------------------------------------------------------------+
// |                      Block Total Length                       |
// +---------------------------------------------------------------+
// /                          Block Body                           /
// +---------------------------------------------------------------+
// |                      Block Total Length                       |
// +---------------------------------------------------------------+  draft-ietf-opsawg-pcapng §3.1
const LENGTH_AT = 4
const BODY_AT = 8
const TRAILER_LENGTH = 4
const MIN_BLOCK = 12
/** A packet of full size and room for its options. */
const MAX_BLOCK = MAX_CAPTURED + 65536
const MAX_INTERFACES = 65536

/** The first block of a section; its type reads the same in either byte order. */
export const PCAPNG_MAGIC = 0x0a0d0d0a
const BYTE_ORDER_MAGIC = 0x1a2b3c4d
const BlockType = { INTERFACE: 1, PACKET: 2, SIMPLE_PACKET: 3, ENHANCED_PACKET: 6 } as const

// §4.1: byte-order magic, version, section length.
const SECTION_MIN = MIN_BLOCK + 16
const MAJOR_VERSION = 1
// §4.2: link type, reserved, snapshot length, options.
const INTERFACE_MIN = MIN_BLOCK + 8
const OPTION_END = 0
const IF_TSRESOL = 9
const IF_TSOFFSET = 14
// §4.3 and appendix A: interface, time (two halves), captured length, original length.
const PACKET_HEAD = 20
// §4.4: original length alone.
const SIMPLE_HEAD = 4

interface Interface {
  readonly linkType: number
  /** 0: no limit. */
  readonly snapLength: number
  /** Units of its timestamps in a second. */
  readonly unitsPerSecond: bigint
  readonly offsetSeconds: number
}

const padded = (length: number): number => (length + 3) & ~3

/** Reads pcapng: sections of either byte order, several interfaces, three kinds of packet block. */
export class PcapngReader implements RecordReader {
  readonly #input = new CaptureInput()
  #little = false
  #begun = false
  #interfaces: Interface[] = []

  get fault(): CaptureFault | undefined {
    return this.#input.fault
  }

  push(chunk: Uint8Array): void {
    this.#input.push(chunk)
  }

  next(): CaptureRecord | undefined {
    while (this.#input.available >= MIN_BLOCK) {
      const { view, at } = this.#input
      const isSection = view.getUint32(at) === PCAPNG_MAGIC
      if (isSection && !this.#readByteOrder()) {
        return this.#input.fail('bad-byte-order', 'the section does not say its byte order', BODY_AT)
      }
      if (!isSection && !this.#begun) {
        return this.#input.fail('not-a-capture', 'it does not begin as a pcapng file does')
      }
      const length = view.getUint32(at + LENGTH_AT, this.#little)
      if (length < MIN_BLOCK || length % 4 !== 0) {
        return this.#input.fail('bad-block-length', `the block claims ${length} bytes`, LENGTH_AT)
      }
      const type = view.getUint32(at, this.#little)
      if (!isSection && type !== BlockType.INTERFACE && !isPacket(type)) {
        this.#input.skip(length)
        continue
      }
      if (length > MAX_BLOCK) {
        return this.#input.fail(
          'record-too-large',
          `the block claims ${length} bytes, more than ${MAX_BLOCK}`,
          LENGTH_AT,
        )
      }
      if (this.#input.available < length) return undefined
      if (view.getUint32(at + length - TRAILER_LENGTH, this.#little) !== length) {
        return this.#input.fail('bad-block-length', 'the two lengths of the block differ', LENGTH_AT)
      }
      const record = isSection ? this.#readSection(length) : this.#readBlock(type, length)
      if (this.fault !== undefined) return undefined
      this.#input.skip(length)
      if (record !== undefined) return record
    }
    return undefined
  }

  end(): void {
    if (!this.#begun && this.fault === undefined) this.#input.fail('truncated', 'the file ends within its first block')
    this.#input.finish()
  }

  #readByteOrder(): boolean {
    const { view, at } = this.#input
    this.#little = view.getUint32(at + BODY_AT, true) === BYTE_ORDER_MAGIC
    return this.#little || view.getUint32(at + BODY_AT) === BYTE_ORDER_MAGIC
  }

  #readSection(length: number): undefined {
    const { view, at } = this.#input
    if (length < SECTION_MIN)
      return this.#input.fail('bad-block-length', `a section block of ${length} bytes`, LENGTH_AT)
    const major = view.getUint16(at + BODY_AT + 4, this.#little)
    if (major !== MAJOR_VERSION) {
      return this.#input.fail('unsupported-version', `the version of the format is ${major}, not ${MAJOR_VERSION}`, 12)
    }
    this.#begun = true
    this.#interfaces = []
  }

  #readBlock(type: number, length: number): CaptureRecord | undefined {
    if (type === BlockType.INTERFACE) return this.#readInterface(length)
    if (type === BlockType.SIMPLE_PACKET) return this.#readSimplePacket(length)
    return this.#readPacket(type, length)
  }

  #readInterface(length: number): undefined {
    const { view, at } = this.#input
    if (length < INTERFACE_MIN) {
      return this.#input.fail('bad-block-length', `an interface block of ${length} bytes`, LENGTH_AT)
    }
    if (this.#interfaces.length === MAX_INTERFACES) {
      return this.#input.fail('too-many-interfaces', `the section has more than ${MAX_INTERFACES} interfaces`)
    }
    let unitsPerSecond = 1_000_000n
    let offsetSeconds = 0
    const end = at + length - TRAILER_LENGTH
    for (let option = at + BODY_AT + 8; option + 4 <= end; ) {
      const code = view.getUint16(option, this.#little)
      const size = view.getUint16(option + 2, this.#little)
      if (code === OPTION_END || option + 4 + size > end) break
      if (code === IF_TSRESOL && size === 1) unitsPerSecond = resolution(view.getUint8(option + 4))
      if (code === IF_TSOFFSET && size === 8) offsetSeconds = Number(view.getBigInt64(option + 4, this.#little))
      option += 4 + padded(size)
    }
    this.#interfaces.push({
      linkType: view.getUint16(at + BODY_AT, this.#little),
      snapLength: view.getUint32(at + BODY_AT + 4, this.#little),
      unitsPerSecond,
      offsetSeconds,
    })
  }

  #readPacket(type: number, length: number): CaptureRecord | undefined {
    const { view, at } = this.#input
    const body = at + BODY_AT
    const room = length - MIN_BLOCK - PACKET_HEAD
    if (room < 0) return this.#input.fail('bad-block-length', `a packet block of ${length} bytes`, LENGTH_AT)
    const little = this.#little
    const id = type === BlockType.PACKET ? view.getUint16(body, little) : view.getUint32(body, little)
    const from = this.#interfaces[id]
    if (from === undefined) {
      return this.#input.fail(
        'unknown-interface',
        `the packet names interface ${id} of ${this.#interfaces.length}`,
        BODY_AT,
      )
    }
    const captured = view.getUint32(body + 12, little)
    if (captured > Math.min(room, MAX_CAPTURED)) {
      const what = `the packet claims ${captured} bytes in a block with room for ${room}`
      return this.#input.fail('bad-captured-length', what, BODY_AT + 12)
    }
    const units = (BigInt(view.getUint32(body + 4, little)) << 32n) | BigInt(view.getUint32(body + 8, little))
    const data = body + PACKET_HEAD
    return {
      linkType: from.linkType,
      seconds: Number(units / from.unitsPerSecond) + from.offsetSeconds,
      nanos: Number(((units % from.unitsPerSecond) * 1_000_000_000n) / from.unitsPerSecond),
      bytes: this.#input.bytes.subarray(data, data + captured),
      originalLength: view.getUint32(body + 16, little),
      interfaceId: id,
    }
  }

  /** §4.4: no time, the first interface, and a captured length that follows from the others. */
  #readSimplePacket(length: number): CaptureRecord | undefined {
    const { view, at } = this.#input
    const room = length - MIN_BLOCK - SIMPLE_HEAD
    if (room < 0) return this.#input.fail('bad-block-length', `a packet block of ${length} bytes`, LENGTH_AT)
    const from = this.#interfaces[0]
    if (from === undefined) return this.#input.fail('unknown-interface', 'the packet comes before any interface')
    const originalLength = view.getUint32(at + BODY_AT, this.#little)
    const limit = from.snapLength === 0 ? MAX_CAPTURED : Math.min(from.snapLength, MAX_CAPTURED)
    const captured = Math.min(originalLength, limit)
    if (captured > room) {
      const what = `the packet has ${captured} bytes in a block with room for ${room}`
      return this.#input.fail('bad-captured-length', what, BODY_AT)
    }
    const data = at + BODY_AT + SIMPLE_HEAD
    const bytes = this.#input.bytes.subarray(data, data + captured)
    return { linkType: from.linkType, seconds: 0, nanos: 0, bytes, originalLength, interfaceId: 0 }
  }
}

const isPacket = (type: number): boolean =>
  type === BlockType.ENHANCED_PACKET || type === BlockType.SIMPLE_PACKET || type === BlockType.PACKET

/** §4.2 if_tsresol: a negative power of 10, or of 2 where the highest bit is set. */
const resolution = (value: number): bigint => (value & 0x80 ? 2n : 10n) ** BigInt(value & 0x7f)

const NANOS_EXPONENT = 9
const SECTION_LENGTH = SECTION_MIN
const INTERFACE_LENGTH = INTERFACE_MIN + 12
const TWO_32 = 0x100000000

/** One section with one interface, little-endian, nanoseconds, enhanced packet blocks. */
export const PCAPNG: CaptureFormat = {
  overhead: MIN_BLOCK + PACKET_HEAD + 3,
  header(linkType) {
    const bytes = new Uint8Array(SECTION_LENGTH + INTERFACE_LENGTH)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, PCAPNG_MAGIC, true)
    view.setUint32(BODY_AT, BYTE_ORDER_MAGIC, true)
    view.setUint16(BODY_AT + 4, MAJOR_VERSION, true)
    // The length of the section is not known yet: -1.
    view.setBigInt64(BODY_AT + 8, -1n, true)
    frameBlock(view, 0, SECTION_LENGTH)
    const at = SECTION_LENGTH
    view.setUint32(at, BlockType.INTERFACE, true)
    view.setUint16(at + BODY_AT, linkType, true)
    view.setUint32(at + BODY_AT + 4, MAX_CAPTURED, true)
    view.setUint16(at + BODY_AT + 8, IF_TSRESOL, true)
    view.setUint16(at + BODY_AT + 10, 1, true)
    view.setUint8(at + BODY_AT + 12, NANOS_EXPONENT)
    frameBlock(view, at, INTERFACE_LENGTH)
    return bytes
  },
  writeHead(view, at, seconds, nanos, captured, originalLength) {
    const units = BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
    view.setUint32(at, BlockType.ENHANCED_PACKET, true)
    view.setUint32(at + BODY_AT, 0, true)
    view.setUint32(at + BODY_AT + 4, Number(units >> 32n) % TWO_32, true)
    view.setUint32(at + BODY_AT + 8, Number(units & 0xffffffffn), true)
    view.setUint32(at + BODY_AT + 12, captured, true)
    view.setUint32(at + BODY_AT + 16, originalLength, true)
    return at + BODY_AT + PACKET_HEAD
  },
  writeTail(view, at, end) {
    const dataEnd = at + padded(end - at)
    for (let i = end; i < dataEnd; i++) view.setUint8(i, 0)
    return frameBlock(view, at, dataEnd + TRAILER_LENGTH - at)
  },
}

/** Writes both lengths of the block at `at`; returns its end. */
function frameBlock(view: DataView, at: number, length: number): number {
  view.setUint32(at + LENGTH_AT, length, true)
  view.setUint32(at + length - TRAILER_LENGTH, length, true)
  return at + length
}
