import { closeSync, openSync, writeSync } from 'node:fs'
import { clock } from '../../driver/clock.ts'
import type { Link } from '../../link/link.ts'
import { PcapTap } from '../../link/pcap-tap.ts'
import { PCAP } from '../../wire/pcap.ts'
import { PCAPNG } from '../../wire/pcapng.ts'
import type { Output } from '../output.ts'

/** The wall time when the driver's clock was 0, in microseconds since 1970. */
export const clockEpoch = (): number => Date.now() * 1000 - clock()

/** A link whose frames go to a capture file as well. */
export interface Capture {
  readonly link: Link
  /** After the link is closed: nothing more will be written. */
  close(): void
}

/**
 * Writes every frame of `inner` to a file, each batch before the next is looked at; `-` is stdout, a name that ends
 * in .pcapng has that format. A write that fails ends the capture and is told once.
 */
export function captureTo(path: string, inner: Link, output: Output, onError: (error: Error) => void): Capture {
  let descriptor = path === '-' ? undefined : openSync(path, 'w', 0o644)
  let isOver = false
  const close = (): void => {
    isOver = true
    if (descriptor !== undefined) closeSync(descriptor)
    descriptor = undefined
  }
  const write = (chunk: Uint8Array): void => {
    if (isOver) return
    if (descriptor === undefined) {
      output.raw(chunk)
      return
    }
    try {
      for (let at = 0; at < chunk.length; ) at += writeSync(descriptor, chunk, at)
    } catch (error) {
      close()
      onError(error as Error)
    }
  }
  const format = path.endsWith('.pcapng') ? PCAPNG : PCAP
  return { link: new PcapTap(inner, { write, epoch: clockEpoch(), format }), close }
}
