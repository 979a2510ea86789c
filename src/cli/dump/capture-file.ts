import { closeSync, openSync, writeSync } from 'node:fs'
import { PCAP } from '../../wire/pcap.ts'
import { CaptureEncoder } from '../../wire/pcap-encoder.ts'
import { PCAPNG } from '../../wire/pcapng.ts'
import type { Output } from '../output.ts'
import type { Packet } from './packet.ts'

/** A capture being written: pcapng when the name ends so, else pcap; `-` is stdout. */
export class CaptureFile {
  readonly #encoder: CaptureEncoder
  readonly #descriptor: number | undefined

  constructor(path: string, linkType: number, output: Output) {
    const descriptor = path === '-' ? undefined : openSync(path, 'w', 0o644)
    this.#descriptor = descriptor
    const write = (chunk: Uint8Array): void => {
      if (descriptor === undefined) output.raw(chunk)
      else for (let at = 0; at < chunk.length; ) at += writeSync(descriptor, chunk, at)
    }
    this.#encoder = new CaptureEncoder(path.endsWith('.pcapng') ? PCAPNG : PCAP, linkType, write)
  }

  add(packet: Packet): void {
    const { seconds, nanos, bytes, start, end, wireLength } = packet
    this.#encoder.add(seconds, nanos, bytes, start, end, wireLength)
  }

  flush(): void {
    this.#encoder.flush()
  }

  close(): void {
    this.#encoder.flush()
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
  }
}
