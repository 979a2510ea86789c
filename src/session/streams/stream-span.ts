import type { Carried } from '../records/carried.ts'
import type { RecordWriter } from '../records/record-writer.ts'
import type { Stream } from './stream.ts'

/** Octets of a stream in one record. */
export class StreamSpan implements Carried {
  readonly stream: Stream
  readonly from: number
  readonly to: number
  readonly isEnd: boolean
  /** It was put on another path already, to be there sooner. */
  isHurried = false
  copies = 0

  constructor(stream: Stream, from: number, to: number, isEnd: boolean) {
    this.stream = stream
    this.from = from
    this.to = to
    this.isEnd = isEnd
  }

  get octets(): number {
    return this.to - this.from + 16
  }

  get isSettled(): boolean {
    const { stream } = this
    if (stream.isOver) return true
    return this.to <= stream.send.acked && (!this.isEnd || stream.send.isEndAcked)
  }

  write(writer: RecordWriter): void {
    const { send } = this.stream
    // What is acknowledged already is gone from memory.
    const from = Math.min(this.to, Math.max(this.from, send.acked))
    writer.stream(this.stream.id, from, this.to - from, this.isEnd)
    send.pieces(from, this.to, (piece) => writer.payload(piece))
  }

  onAcked(): void {
    const { stream } = this
    if (stream.isOver) return
    stream.send.onAcked(this.from, this.to, this.isEnd)
    if (stream.send.isDone) stream.touched()
  }

  onLost(): void {
    const { stream } = this
    if (!stream.isOver && stream.send.onLost(this.from, this.to, this.isEnd)) stream.touched()
  }
}

/** The next frame's worth of a stream, at most `most` octets of payload and no new octet beyond `credit`. */
export function nextSpan(stream: Stream, most: number, credit: number): StreamSpan | undefined {
  const { send } = stream
  const from = send.nextFrom()
  const to = send.nextTo(most, Math.min(credit, stream.credit))
  if (to === from && !(send.isEnded && to === send.written)) return undefined
  const isEnd = send.take(from, to)
  return new StreamSpan(stream, from, to, isEnd)
}
