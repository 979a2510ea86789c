const PAGE = 4096

/** The byte at `offset` of a benchmark's stream, for every offset that 4096 divides; `peer.c` knows it as well. */
const mark = (offset: number): number => ((offset / PAGE) * 167 + 13) & 0xff

/** Makes `bytes` the piece of the stream that begins at `offset`, a multiple of 4096. */
export function markAll(bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < bytes.length; at += PAGE) bytes[at] = mark(offset + at)
}

/** Counts a stream's bytes, and looks at one in 4096: lost, doubled, shifted and swapped pieces show. */
export class MarkChecker {
  bytes = 0
  wrong = 0

  take(chunk: Uint8Array, length: number): void {
    const end = this.bytes + length
    for (let at = Math.ceil(this.bytes / PAGE) * PAGE; at < end; at += PAGE) {
      if (chunk[at - this.bytes] !== mark(at)) this.wrong++
    }
    this.bytes = end
  }
}
