import { Digest, payloadAt } from './payload.ts'
import type { Pipe } from './pipe.ts'

/** Where the peer of a demo takes bytes and tells what it got. */
export const SINK_PORT = 5001
/** Where it sends as many bytes as it is asked for. */
export const SOURCE_PORT = 5002
const REPORT_SIZE = 12

/** What one transfer came to. */
export interface Transfer {
  /** How many bytes were to be carried. */
  readonly bytes: number
  readonly arrived: number
  readonly seconds: number
  /** CRC-32 of what was sent and of what arrived. */
  readonly sentCrc: number
  readonly arrivedCrc: number
  /** Segments our side sent again; undefined where it sent no data or cannot tell. */
  readonly retransmits: number | undefined
}

export const isIdentical = (transfer: Transfer): boolean =>
  transfer.arrived === transfer.bytes && transfer.sentCrc === transfer.arrivedCrc

/** How far a transfer is, for a progress line. */
export type OnProgress = (bytes: number) => void

function report(digest: Digest): Uint8Array {
  const view = new DataView(new ArrayBuffer(REPORT_SIZE))
  view.setBigUint64(0, BigInt(digest.bytes))
  view.setUint32(8, digest.crc)
  return new Uint8Array(view.buffer)
}

/** Reads exactly that many bytes, or fewer when the stream ends before. */
async function readExactly(pipe: Pipe, size: number): Promise<Uint8Array> {
  const parts = new Uint8Array(size)
  let have = 0
  while (have < size) {
    const chunk = await pipe.read()
    if (chunk === undefined) return parts.subarray(0, have)
    parts.set(chunk.subarray(0, size - have), have)
    have += chunk.length
  }
  return parts
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

async function writePayload(pipe: Pipe, bytes: number, onProgress: OnProgress = () => {}): Promise<Digest> {
  const digest = new Digest()
  while (digest.bytes < bytes) {
    const chunk = payloadAt(digest.bytes, bytes - digest.bytes)
    digest.update(chunk)
    await pipe.write(chunk)
    onProgress(digest.bytes)
  }
  return digest
}

/** The peer's part of a sending transfer: takes all, then tells what it got. */
export async function serveSink(pipe: Pipe): Promise<void> {
  const digest = new Digest()
  for (let chunk = await pipe.read(); chunk !== undefined; chunk = await pipe.read()) digest.update(chunk)
  await pipe.write(report(digest))
  await pipe.end()
}

/** The peer's part of a receiving transfer: sends what is asked for, and its sum behind it. */
export async function serveSource(pipe: Pipe): Promise<void> {
  const request = await readExactly(pipe, REPORT_SIZE)
  if (request.length < REPORT_SIZE) return pipe.destroy()
  await pipe.write(report(await writePayload(pipe, Number(viewOf(request).getBigUint64(0)))))
  await pipe.end()
}

/** Sends to a sink. @throws when the connection breaks; the message says how far it got. */
export async function send(pipe: Pipe, bytes: number, onProgress: OnProgress): Promise<Transfer> {
  const begin = performance.now()
  let written = 0
  try {
    const digest = await writePayload(pipe, bytes, (n) => onProgress((written = n)))
    await pipe.end()
    const answer = await readExactly(pipe, REPORT_SIZE)
    const seconds = (performance.now() - begin) / 1000
    if (answer.length < REPORT_SIZE) throw new Error('the peer closed without a report')
    const view = viewOf(answer)
    return {
      bytes,
      arrived: Number(view.getBigUint64(0)),
      seconds,
      sentCrc: digest.crc,
      arrivedCrc: view.getUint32(8),
      retransmits: pipe.retransmits(),
    }
  } catch (error) {
    throw new Error(`${(error as Error).message} after ${written} of ${bytes} bytes were handed over`, { cause: error })
  } finally {
    pipe.destroy()
  }
}

/** Receives from a source. @throws when the connection breaks; the message says how many bytes arrived. */
export async function receive(pipe: Pipe, bytes: number, onProgress: OnProgress): Promise<Transfer> {
  const begin = performance.now()
  const digest = new Digest()
  try {
    await pipe.write(report(Object.assign(new Digest(), { bytes })))
    const tail: Uint8Array[] = []
    for (let chunk = await pipe.read(); chunk !== undefined; chunk = await pipe.read()) {
      const mine = Math.min(chunk.length, bytes - digest.bytes)
      digest.update(chunk.subarray(0, mine))
      if (mine < chunk.length) tail.push(chunk.slice(mine))
      onProgress(digest.bytes)
    }
    const seconds = (performance.now() - begin) / 1000
    await pipe.end()
    const told = Buffer.concat(tail)
    if (told.length !== REPORT_SIZE) throw new Error('the stream ended early')
    const sums = { sentCrc: told.readUInt32BE(8), arrivedCrc: digest.crc }
    return { bytes, arrived: digest.bytes, seconds, ...sums, retransmits: undefined }
  } catch (error) {
    throw new Error(`${(error as Error).message} after ${digest.bytes} of ${bytes} bytes arrived`, { cause: error })
  } finally {
    pipe.destroy()
  }
}
