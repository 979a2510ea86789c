/** rtnetlink messages (rtnetlink(7)): what the kernel says of links, addresses and routes. Host byte order. */

export const RTM_GETLINK = 18
export const RTM_GETADDR = 22
export const RTM_GETROUTE = 26

const MESSAGE_HEADER = 16
const ATTRIBUTE_HEADER = 4
const NLMSG_DONE = 3
const TYPE_MASK = 0x3fff
const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

const align4 = (n: number): number => (n + 3) & ~3

/** One message: a fixed part and attributes by number. */
export class RtMessage {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #attributes = new Map<number, Uint8Array>()

  constructor(bytes: Uint8Array, fixedLength: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let at = align4(fixedLength)
    while (at + ATTRIBUTE_HEADER <= bytes.length) {
      const length = this.u16(at)
      if (length < ATTRIBUTE_HEADER || at + length > bytes.length) break
      this.#attributes.set(this.u16(at + 2) & TYPE_MASK, bytes.subarray(at + ATTRIBUTE_HEADER, at + length))
      at += align4(length)
    }
  }

  u8(at: number): number {
    return this.#bytes[at] ?? 0
  }

  u16(at: number): number {
    return this.#view.getUint16(at, LITTLE_ENDIAN)
  }

  u32(at: number): number {
    return this.#view.getUint32(at, LITTLE_ENDIAN)
  }

  has(attribute: number): boolean {
    return this.#attributes.has(attribute)
  }

  bytes(attribute: number): Uint8Array {
    return this.#attributes.get(attribute) ?? new Uint8Array(0)
  }

  /** A 32-bit attribute in host order; `otherwise` when absent. */
  number(attribute: number, otherwise = 0): number {
    const value = this.#attributes.get(attribute)
    if (value === undefined || value.length < 4) return otherwise
    return new DataView(value.buffer, value.byteOffset, 4).getUint32(0, LITTLE_ENDIAN)
  }

  /** A 32-bit attribute in network order, such as an IPv4 address; undefined when absent. */
  address(attribute: number): number | undefined {
    const value = this.#attributes.get(attribute)
    if (value === undefined || value.length !== 4) return undefined
    return new DataView(value.buffer, value.byteOffset, 4).getUint32(0)
  }

  text(attribute: number): string {
    return new TextDecoder().decode(this.bytes(attribute)).replace(/\0.*$/s, '')
  }
}

/** Cuts a dump into its messages; `fixedLength` is that of the part before the attributes. */
export function parseDump(bytes: Uint8Array, fixedLength: number): RtMessage[] {
  const messages: RtMessage[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + MESSAGE_HEADER <= bytes.length) {
    const length = view.getUint32(at, LITTLE_ENDIAN)
    const type = view.getUint16(at + 4, LITTLE_ENDIAN)
    if (length < MESSAGE_HEADER || at + length > bytes.length) break
    if (type > NLMSG_DONE) messages.push(new RtMessage(bytes.subarray(at + MESSAGE_HEADER, at + length), fixedLength))
    at += align4(length)
  }
  return messages
}
