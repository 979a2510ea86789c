import { NetError } from '../../base/errors.ts'
import { LinkType, MAX_CAPTURED } from '../../wire/pcap-record.ts'
import { UsageError } from '../exit.ts'
import { linkTypeName, Packet, type PacketSource } from './packet.ts'

/** The parts of the package `cap` that are used. */
interface CapCapture {
  open(device: string, filter: string, bufferSize: number, buffer: Buffer): string
  setMinBytes?(bytes: number): void
  on(event: 'packet', listener: (bytes: number, truncated: boolean) => void): void
  close(): void
}
export interface CapModule {
  readonly Cap: (new () => CapCapture) & {
    /** The first device that is not the loopback. */
    findDevice(): string | undefined
  }
}

/** libpcap's names of what we can read. */
const LINK_TYPES: Readonly<Record<string, number>> = {
  ETHERNET: LinkType.ETHERNET,
  NULL: LinkType.NULL,
  RAW: LinkType.RAW,
  LINKTYPE_ETHERNET: LinkType.ETHERNET,
  LINKTYPE_NULL: LinkType.NULL,
  LINKTYPE_RAW: LinkType.RAW,
  LINKTYPE_LINUX_SLL: LinkType.LINUX_SLL,
}
const KERNEL_BUFFER = 16 * 1024 * 1024
/** The package crashes when one is collected that was never open. */
const neverOpened: CapCapture[] = []

/** The package `cap`, an optional dependency; undefined where it was not built. */
export async function loadCap(): Promise<CapModule | undefined> {
  try {
    const name = 'cap'
    const module = (await import(name)) as { readonly default: CapModule }
    return module.default
  } catch {
    return undefined
  }
}

/**
 * Listens through libpcap, which takes its whole filter language.
 * @throws UsageError for a filter libpcap refuses; NetError EPERM, ENODEV
 */
export function openLibpcap(cap: CapModule, device: string, filter: string, snapLength: number): PacketSource {
  const capture = new cap.Cap()
  const buffer = Buffer.alloc(MAX_CAPTURED)
  let type: string
  try {
    type = capture.open(device, filter, KERNEL_BUFFER, buffer)
  } catch (cause) {
    neverOpened.push(capture)
    throw wordError(device, cause)
  }
  capture.setMinBytes?.(0)
  return new LibpcapSource(capture, buffer, device, LINK_TYPES[type] ?? LinkType.ETHERNET, snapLength)
}

function wordError(device: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause)
  if (/permission|not permitted/i.test(reason)) {
    const fix = 'Run as root, or: sudo setcap cap_net_raw+ep "$(readlink -f "$(command -v node)")"'
    return new NetError('EPERM', `Cannot listen on "${device}": ${reason}. ${fix}`, { syscall: 'open' })
  }
  if (/no such device|doesn't exist/i.test(reason)) {
    return new NetError('ENODEV', `No interface is called "${device}": ${reason}`, { syscall: 'open' })
  }
  return new UsageError(`libpcap: ${reason}`, 'man pcap-filter has the language')
}

class LibpcapSource implements PacketSource {
  readonly engine = 'libpcap, through the package cap'
  readonly heading: string
  readonly linkType: number
  readonly #capture: CapCapture
  readonly #buffer: Buffer
  readonly #snapLength: number
  readonly #packet = new Packet()

  constructor(capture: CapCapture, buffer: Buffer, device: string, linkType: number, snapLength: number) {
    this.#capture = capture
    this.#buffer = buffer
    this.linkType = linkType
    this.#snapLength = snapLength
    this.heading = `listening on ${device}, link-type ${linkTypeName(linkType)}, snapshot length ${snapLength} bytes`
  }

  run(onPacket: (packet: Packet) => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      let done = signal.aborted
      const finish = (): void => {
        done = true
        signal.removeEventListener('abort', finish)
        resolve()
      }
      if (done) return resolve()
      signal.addEventListener('abort', finish)
      this.#capture.on('packet', (length) => {
        if (!done && !onPacket(this.#fill(length))) finish()
      })
    })
  }

  /** The package does not tell. */
  drops(): undefined {
    return undefined
  }

  close(): void {
    this.#capture.close()
  }

  #fill(length: number): Packet {
    const packet = this.#packet
    const now = Date.now()
    packet.bytes = this.#buffer
    packet.view = new DataView(this.#buffer.buffer, this.#buffer.byteOffset, this.#buffer.byteLength)
    packet.start = 0
    packet.end = Math.min(length, this.#snapLength, this.#buffer.length)
    packet.wireLength = length
    packet.linkType = this.linkType
    packet.seconds = Math.floor(now / 1000)
    packet.nanos = (now % 1000) * 1e6
    return packet
  }
}
