import { NetError } from '../base/errors.ts'
import { toIpv4 } from '../stack/address.ts'
import type { UdpSocket } from '../stack/udp-socket.ts'
import { type ErrorRecord, toRecord } from './error-record.ts'
import { type Lane, LaneWord } from './lane.ts'
import { RingReader, RingWriter } from './shared-ring.ts'
import { CONNECTED, RecordReader, RecordWriter, type UdpRecord } from './udp-record.ts'

/** What a UDP socket tells the user's side. */
export interface UdpExit {
  ring(lane: number): void
  free(lane: number): void
  unsent(lane: number, sent: number, error: ErrorRecord): void
  error(lane: number, error: ErrorRecord): void
}

/** The stack's end of the lane of a UDP socket: datagrams as records in the rings. */
export class ServedUdp {
  readonly socket: UdpSocket
  readonly #lane: Lane
  readonly #exit: UdpExit
  readonly #upRing: RingReader
  readonly #downRing: RingWriter
  readonly #up: RecordReader
  readonly #down: RecordWriter
  #isSending = false
  #isClosing = false
  #sent = 0
  /** Lets a datagram go on that waits for room in the ring. */
  #onRoom: (() => void) | undefined

  constructor(socket: UdpSocket, lane: Lane, exit: UdpExit) {
    this.socket = socket
    this.#lane = lane
    this.#exit = exit
    this.#upRing = new RingReader(lane.up)
    this.#downRing = new RingWriter(lane.down)
    this.#up = new RecordReader(this.#upRing)
    this.#down = new RecordWriter(this.#downRing)
  }

  /** Hands over what comes until the socket is closed, and what there is to send. */
  begin(): void {
    this.visit()
    void this.#receive()
  }

  visit(): void {
    this.#onRoom?.()
    if (!this.#isSending) void this.#send()
  }

  /** What is in the ring still goes. */
  close(): void {
    this.#isClosing = true
    this.visit()
  }

  async #send(): Promise<void> {
    this.#isSending = true
    do {
      for (let record = this.#up.read(); record !== undefined; record = this.#up.read()) await this.#sendOne(record)
    } while (!this.#isClosing && !this.#upRing.waitForBytes())
    this.#isSending = false
    this.#exit.ring(this.#lane.id)
    if (this.#isClosing) this.socket.close()
  }

  async #sendOne({ data, address, port }: UdpRecord): Promise<void> {
    this.#sent = (this.#sent + 1) | 0
    try {
      if (port === CONNECTED) await this.socket.send(data)
      else await this.socket.send(data, address, port)
    } catch (error) {
      this.#exit.unsent(this.#lane.id, this.#sent, toRecord(error))
    }
    Atomics.store(this.#lane.words, LaneWord.SENT, this.#sent)
    if (this.#upRing.takeWriter()) this.#exit.ring(this.#lane.id)
  }

  async #receive(): Promise<void> {
    for (;;) {
      try {
        const { data, address, port, destination } = await this.socket.receive()
        const record = { data, address: toIpv4(address), port, destination: toIpv4(destination) }
        while (!this.#isClosing && !this.#down.write(record)) await this.#room()
        Atomics.store(this.#lane.words, LaneWord.DROPPED, this.socket.dropped)
        if (this.#downRing.takeReader()) this.#exit.ring(this.#lane.id)
      } catch (error) {
        if (error instanceof NetError && error.code === 'ERR_CLOSED') break
        this.#exit.error(this.#lane.id, toRecord(error))
      }
    }
    this.#exit.free(this.#lane.id)
  }

  /** Resolves when half of the ring to the user is free, or the socket closes. */
  async #room(): Promise<void> {
    if (!this.#downRing.waitForRoom()) return
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve
    })
    this.#onRoom = undefined
  }
}
