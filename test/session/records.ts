import { type FrameHandler, FrameType, type PathRole } from '../../src/session/records/frame.ts'
import { RecordReader } from '../../src/session/records/record-reader.ts'
import type { RecordWriter } from '../../src/session/records/record-writer.ts'

export interface StreamFrame {
  type: 'STREAM' | 'STREAM_END'
  id: number
  offset: number
  payload: string
}

/** A frame as the tests name it; texts and payload as hexadecimal or as text. */
export type Frame =
  | { type: 'PADDING' | 'PING' | 'PATH_CLOSE' }
  | { type: 'ACK'; path: number; count: number; delay: number }
  | { type: 'OPEN' | 'OPEN_FLOW'; id: number; service: string; target: string; source: string }
  | { type: 'ACCEPT'; id: number }
  | { type: 'RESET'; id: number; code: number; final: number }
  | { type: 'STOP'; id: number; code: number }
  | StreamFrame
  | { type: 'STREAM_CREDIT'; id: number; limit: number }
  | { type: 'SESSION_CREDIT'; limit: number }
  | { type: 'DATAGRAM'; id: number; number: number; age: number; payload: string }
  | { type: 'PATH_STATUS'; path: number; number: number; role: PathRole }
  | { type: 'CLOSE'; code: number; reason: string }

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const octets = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** Writes one frame into the record that is open. */
export function writeFrame(writer: RecordWriter, frame: Exclude<Frame, { type: 'PADDING' }>): void {
  switch (frame.type) {
    case 'PING':
      writer.ping()
      break
    case 'PATH_CLOSE':
      writer.pathClose()
      break
    case 'ACK':
      writer.ack(frame.path, frame.count, frame.delay)
      break
    case 'OPEN':
    case 'OPEN_FLOW':
      writer.open(FrameType[frame.type], frame.id, [frame.service, frame.target, frame.source].map(encode))
      break
    case 'ACCEPT':
      writer.accept(frame.id)
      break
    case 'RESET':
      writer.reset(frame.id, frame.code, frame.final)
      break
    case 'STOP':
      writer.stop(frame.id, frame.code)
      break
    case 'STREAM':
    case 'STREAM_END': {
      const payload = octets(frame.payload)
      writer.stream(frame.id, frame.offset, payload.length, frame.type === 'STREAM_END')
      writer.payload(payload)
      break
    }
    case 'STREAM_CREDIT':
      writer.streamCredit(frame.id, frame.limit)
      break
    case 'SESSION_CREDIT':
      writer.sessionCredit(frame.limit)
      break
    case 'DATAGRAM':
      writer.datagram(frame.id, frame.number, frame.age, octets(frame.payload))
      break
    case 'PATH_STATUS':
      writer.pathStatus(frame.path, frame.number, frame.role)
      break
    case 'CLOSE':
      writer.close(frame.code, encode(frame.reason))
      break
  }
}

/** The octets that a writer has ready. */
export function taken(writer: RecordWriter): Uint8Array {
  return Uint8Array.from(Buffer.concat(writer.take()))
}

/** What a reader made of octets: frames, pieces of a stream's frame joined, and records. */
export class Recorded implements FrameHandler {
  readonly frames: Frame[] = []
  readonly records: { octets: number; isAsking: boolean }[] = []
  /** The record after which to read no further. */
  stopAfter = Number.POSITIVE_INFINITY
  readonly reader = new RecordReader(this)

  onPing(): void {
    this.frames.push({ type: 'PING' })
  }
  onAck(path: number, count: number, delay: number): void {
    this.frames.push({ type: 'ACK', path, count, delay })
  }
  onOpen(id: number, service: Uint8Array, target: Uint8Array, source: Uint8Array): void {
    const type = id % 4 >= 2 ? 'OPEN_FLOW' : 'OPEN'
    this.frames.push({ type, id, service: text(service), target: text(target), source: text(source) })
  }
  onAccept(id: number): void {
    this.frames.push({ type: 'ACCEPT', id })
  }
  onReset(id: number, code: number, final: number): void {
    this.frames.push({ type: 'RESET', id, code, final })
  }
  onStop(id: number, code: number): void {
    this.frames.push({ type: 'STOP', id, code })
  }
  onStream(id: number, offset: number, bytes: Uint8Array, isEnd: boolean): void {
    this.frames.push({ type: isEnd ? 'STREAM_END' : 'STREAM', id, offset, payload: hex(bytes) })
  }
  onStreamCredit(id: number, limit: number): void {
    this.frames.push({ type: 'STREAM_CREDIT', id, limit })
  }
  onSessionCredit(limit: number): void {
    this.frames.push({ type: 'SESSION_CREDIT', limit })
  }
  onDatagram(id: number, number: number, age: number, bytes: Uint8Array): void {
    this.frames.push({ type: 'DATAGRAM', id, number, age, payload: hex(bytes) })
  }
  onPathStatus(path: number, number: number, role: PathRole): void {
    this.frames.push({ type: 'PATH_STATUS', path, number, role })
  }
  onPathClose(): void {
    this.frames.push({ type: 'PATH_CLOSE' })
  }
  onClose(code: number, reason: Uint8Array): void {
    this.frames.push({ type: 'CLOSE', code, reason: text(reason) })
  }
  onRecord(length: number, isAsking: boolean): boolean {
    this.records.push({ octets: length, isAsking })
    return this.records.length < this.stopAfter
  }

  /** The frames, with consecutive pieces of a stream as one. */
  joined(): Frame[] {
    const frames: Frame[] = []
    for (const frame of this.frames) {
      const last = frames.at(-1)
      const isStream = frame.type === 'STREAM' || frame.type === 'STREAM_END'
      if (isStream && last?.type === 'STREAM' && last.id === frame.id && endOf(last) === frame.offset) {
        frames[frames.length - 1] = { ...frame, offset: last.offset, payload: last.payload + frame.payload }
      } else frames.push(frame)
    }
    return frames
  }
}

const endOf = ({ offset, payload }: StreamFrame): number => offset + payload.length / 2

/** Reads octets in pieces of the given lengths, the last of them repeated. */
export function readInPieces(
  bytes: Uint8Array,
  lengths: readonly number[],
): { read: Recorded; fault: string | undefined } {
  const read = new Recorded()
  let fault: string | undefined
  for (let at = 0, i = 0; at < bytes.length && fault === undefined; i++) {
    const length = lengths[Math.min(i, lengths.length - 1)]!
    fault = read.reader.feed(bytes.slice(at, at + length))
    at += length
  }
  return { read, fault }
}
