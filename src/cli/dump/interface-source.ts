import { checksum } from '../../base/checksum.ts'
import { NetError } from '../../base/errors.ts'
import { clock } from '../../driver/clock.ts'
import { defaultRoute, findInterface, type InterfaceFacts, listInterfaces } from '../../driver/interfaces.ts'
import { openPacketLink } from '../../driver/packet.ts'
import type { PortLink } from '../../driver/port-link.ts'
import { FrameLayout } from '../../link/layout.ts'
import type { InFrame } from '../../link/link.ts'
import { linkTypeOf } from '../../wire/pcap-record.ts'
import { linkTypeName, Packet, type PacketSource } from './packet.ts'

/** Enough for a burst of super-segments while a batch is being printed. */
const RECEIVE_BUFFER = 16 * 1024 * 1024

export interface InterfaceSourceOptions {
  /** The default route's, else the first that is up, when undefined. */
  readonly name: string | undefined
  readonly promiscuous: boolean
  /** Bytes kept of each packet. */
  readonly snapLength: number
  /** Finishes checksums that were left to the hardware, as a file wants them. */
  readonly finishChecksums: boolean
  /** Hears that the interface went down; it may come back. */
  readonly onDown: (error: NetError) => void
}

/** The interface to listen on when none is named. @throws NetError ENODEV */
function defaultInterface(): InterfaceFacts {
  const route = defaultRoute()
  const found = route === undefined ? listInterfaces().find((each) => each.up) : findInterface(route.interface)
  if (found === undefined) throw new NetError('ENODEV', 'No interface is up. Name one: -i IFACE', { syscall: 'open' })
  return found
}

/**
 * Listens on an interface through AF_PACKET. It changes nothing about the interface but the
 * kernel's own count of promiscuous listeners, which ends with the process.
 * @throws NetError ENODEV, ENETDOWN, EPERM, ERR_ADDON_MISSING
 */
export function openInterface(options: InterfaceSourceOptions): PacketSource {
  const facts = options.name === undefined ? defaultInterface() : findInterface(options.name)
  const isLoopback = facts.kind === 'loopback'
  const link = openPacketLink({
    interface: facts.name,
    filter: 'none',
    promiscuous: options.promiscuous && !isLoopback,
    // Every frame on the loopback interface is seen going out and coming in.
    ignoreOutgoing: isLoopback,
    timestamps: true,
    coalesce: false,
    receiveBuffer: RECEIVE_BUFFER,
  })
  return new InterfaceSource(link, options)
}

class InterfaceSource implements PacketSource {
  readonly engine = 'AF_PACKET, with our own filter'
  readonly heading: string
  readonly linkType: number
  readonly #link: PortLink
  readonly #options: InterfaceSourceOptions
  readonly #packet = new Packet()
  readonly #layout = new FrameLayout()

  constructor(link: PortLink, options: InterfaceSourceOptions) {
    this.#link = link
    this.#options = options
    this.linkType = linkTypeOf(link.medium)
    const type = linkTypeName(this.linkType)
    this.heading = `listening on ${link.interface}, link-type ${type}, snapshot length ${options.snapLength} bytes`
  }

  run(onPacket: (packet: Packet) => boolean, signal: AbortSignal, ready: () => Promise<void>): Promise<void> {
    const link = this.#link
    return new Promise((resolve, reject) => {
      let done = signal.aborted
      let waiting = false
      const finish = (error?: NetError): void => {
        done = true
        signal.removeEventListener('abort', onAbort)
        link.onWake = undefined
        link.onError = undefined
        if (error === undefined) resolve()
        else reject(error)
      }
      const onAbort = (): void => finish()
      const drain = (): void => {
        // While we wait the kernel keeps packets, and counts those it has no room for.
        if (done || waiting) return
        link.receive(clock(), (frame) => {
          if (!done && !onPacket(this.#fill(frame))) finish()
        })
        waiting = true
        void ready().then(() => {
          waiting = false
          if (!done && link.pollAt() === 0) setImmediate(drain)
        })
      }
      if (done) return resolve()
      signal.addEventListener('abort', onAbort)
      link.onWake = drain
      link.onError = (error) => {
        if (error.code === 'ENETDOWN') this.#options.onDown(error)
        else finish(error)
      }
      drain()
    })
  }

  drops(): number {
    return this.#link.kernelDrops()
  }

  close(): void {
    this.#link.close()
  }

  #fill(frame: InFrame): Packet {
    const packet = this.#packet
    const isPartial = frame.checksum === 'partial'
    packet.partialChecksum = isPartial && !(this.#options.finishChecksums && this.#finishChecksum(frame))
    packet.bytes = frame.bytes
    packet.view = frame.view
    packet.start = frame.start
    packet.end = Math.min(frame.end, frame.start + this.#options.snapLength)
    packet.wireLength = frame.end - frame.start
    packet.linkType = this.linkType
    const micros = this.#link.timestamp || Date.now() * 1000
    packet.seconds = Math.floor(micros / 1e6)
    packet.nanos = Math.floor(micros % 1e6) * 1000
    return packet
  }

  /** Finishes the sum in place, in our own copy of the frame; false where it is not known how. */
  #finishChecksum(frame: InFrame): boolean {
    const layout = this.#layout
    const { bytes, start, end } = frame
    if (!layout.locate(this.#link.medium, bytes, start, end, end - start) || layout.checksumAt < 0) return false
    // The field holds the sum of the pseudo-header already.
    const sum = checksum(bytes, layout.transport, layout.end) || 0xffff
    bytes[layout.checksumAt] = sum >>> 8
    bytes[layout.checksumAt + 1] = sum & 0xff
    return true
  }
}
