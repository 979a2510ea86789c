import type { SessionStream } from '../../src/session/streams/stream-types.ts'

const CHUNK = 32_768
const PERIOD = 251
/** Octets that say where they are from, so that what is lost, doubled or moved is seen. */
const PATTERN = Uint8Array.from({ length: PERIOD + 4 * CHUNK }, (_, i) => i % PERIOD)

/** So many octets of the pattern, from that offset on. */
export const pattern = (from: number, length: number): Uint8Array =>
  PATTERN.subarray(from % PERIOD, (from % PERIOD) + length)

/** Writes `octets` of the pattern as fast as the stream lets it, then ends it. */
export function fill(stream: SessionStream, octets: number): void {
  let written = 0
  const more = (): void => {
    for (let goesOn = true; goesOn && written < octets; ) {
      const count = Math.min(CHUNK, octets - written)
      goesOn = stream.write(pattern(written, count))
      written += count
    }
    if (written === octets) stream.end()
  }
  stream.events = { ...stream.events, onWritable: more }
  more()
}

/** What came out of a stream. */
export interface Drained {
  octets: number
  isSound: boolean
  isEnded: boolean
  isClosed: boolean
  reset: number | undefined
  /** When octets came, in the caller's clock, and the longest time between two. */
  lastAt: number
  longestGap: number
}

/** Reads all that comes and compares it with the pattern. */
export function drain(stream: SessionStream, now: () => number): Drained {
  const drained: Drained = {
    octets: 0,
    isSound: true,
    isEnded: false,
    isClosed: false,
    reset: undefined,
    lastAt: -1,
    longestGap: 0,
  }
  stream.events = {
    ...stream.events,
    onReadable: () => {
      for (let bytes = stream.read(); bytes !== undefined; bytes = stream.read()) check(bytes, drained)
      if (drained.lastAt >= 0) drained.longestGap = Math.max(drained.longestGap, now() - drained.lastAt)
      drained.lastAt = now()
      drained.isEnded = stream.isEnded
    },
    onReset: (code) => {
      drained.reset = code
    },
    onClosed: () => {
      drained.isClosed = true
    },
  }
  return drained
}

function check(bytes: Uint8Array, drained: Drained): void {
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const part = bytes.subarray(at, at + CHUNK)
    if (Buffer.compare(part, pattern(drained.octets + at, part.length)) !== 0) drained.isSound = false
  }
  drained.octets += bytes.length
}
