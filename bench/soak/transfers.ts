import { setTimeout as sleep } from 'node:timers/promises'
import type { Conversation, Door } from './conversation.ts'
import { Checker, MAX_PIECE, payload } from './payload.ts'
import { decodeReport, encodeRequest, Kind, PEER_PORTS, REPORT_LENGTH } from './protocol.ts'
import type { Tally } from './tally.ts'

/** One piece of the stream to be carried. */
export interface Transfer {
  readonly start: number
  readonly length: number
}

function mustBe(what: string, is: number, wanted: number): void {
  if (is !== wanted) throw new Error(`${what}: ${is} in place of ${wanted}`)
}

async function send(to: Conversation, { start, length }: Transfer): Promise<void> {
  for (let sent = 0; sent < length; sent += MAX_PIECE) {
    await to.write(payload(start + sent, Math.min(MAX_PIECE, length - sent)))
  }
}

/** Reads so many bytes, or to the end of the stream. */
async function receive(from: Conversation, start: number, most = Number.POSITIVE_INFINITY): Promise<Checker> {
  const checker = new Checker(start)
  while (checker.bytes < most) {
    const chunk = await from.read()
    if (chunk === undefined) break
    checker.take(chunk)
  }
  return checker
}

async function open(door: Door, tally: Tally, kind: Kind, transfer: Transfer): Promise<Conversation> {
  const conversation = await door.connect(PEER_PORTS.tcp)
  tally.connections++
  await conversation.write(encodeRequest({ kind, ...transfer }))
  return conversation
}

function count(tally: Tally, checker: Checker, length: number): void {
  tally.bytes += checker.bytes
  mustBe('wrong pieces', checker.wrong, 0)
  mustBe('bytes that came', checker.bytes, length)
}

/** To the peer, which looks at the bytes. */
export async function upload(door: Door, tally: Tally, transfer: Transfer): Promise<void> {
  const conversation = await open(door, tally, Kind.SINK, transfer)
  await send(conversation, transfer)
  conversation.end()
  const parts: Buffer[] = []
  for (let part = await conversation.read(); part !== undefined; part = await conversation.read()) {
    parts.push(Buffer.from(part))
  }
  const report = Buffer.concat(parts)
  mustBe('bytes of the report', report.length, REPORT_LENGTH)
  const { bytes, wrong } = decodeReport(report)
  tally.bytes += bytes
  mustBe('wrong pieces at the peer', wrong, 0)
  mustBe('bytes at the peer', bytes, transfer.length)
  await conversation.close()
}

/** From the peer; with `half`, our side is closed before anything has come. */
export async function download(door: Door, tally: Tally, transfer: Transfer, half = false): Promise<void> {
  const conversation = await open(door, tally, Kind.SOURCE, transfer)
  if (half) conversation.end()
  count(tally, await receive(conversation, transfer.start), transfer.length)
  await conversation.close()
}

/** Both ways at once; a short one is a request and its answer. */
export async function echo(door: Door, tally: Tally, transfer: Transfer): Promise<void> {
  const conversation = await open(door, tally, Kind.ECHO, transfer)
  const received = receive(conversation, transfer.start)
  // Whichever fails first is told.
  const [checker] = await Promise.all([received, send(conversation, transfer).then(() => conversation.end())])
  count(tally, checker, transfer.length)
  tally.bytes += transfer.length
  await conversation.close()
}

/** A connection that we reset in the middle, of what it sends us or of what we send. */
export async function abort(door: Door, tally: Tally, transfer: Transfer, isReading: boolean): Promise<void> {
  const conversation = await open(door, tally, isReading ? Kind.SOURCE : Kind.SINK, transfer)
  const half = { ...transfer, length: transfer.length >> 1 }
  if (isReading) mustBe('wrong pieces', (await receive(conversation, half.start, half.length)).wrong, 0)
  else await send(conversation, half)
  conversation.abort()
  tally.failures++
}

/** A connection that the peer resets: while we go on asking, a reset that was lost is sent again. */
export async function crash(door: Door, tally: Tally, start: number): Promise<void> {
  const conversation = await open(door, tally, Kind.CRASH, { start, length: 0 })
  const reading = receive(conversation, start)
  let isOver = false
  const reset = reading.then(
    () => 'the end of the stream',
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  )
  void reset.then(() => {
    isOver = true
  })
  const asked = (async () => {
    for (; !isOver; await sleep(50)) await conversation.write(payload(start, 10))
  })().catch(() => undefined)
  const code = await reset
  await asked
  // A write finds the reset before a read does.
  if (code !== 'ECONNRESET' && code !== 'EPIPE') throw new Error(`a connection that the peer reset ended with ${code}`)
  conversation.abort()
  tally.failures++
}

/** Nobody listens there. */
export async function refused(door: Door, tally: Tally): Promise<void> {
  const code = await door.connect(PEER_PORTS.closed).then(
    (conversation) => {
      conversation.abort()
      return 'a connection'
    },
    (error: NodeJS.ErrnoException) => error.code,
  )
  if (code !== 'ECONNREFUSED') throw new Error(`a connection to a closed port ended with ${code}`)
  tally.connections++
  tally.failures++
}

/** A connection that stays for the whole soak, and carries something now and then. */
export class Keeper {
  readonly #conversation: Conversation
  readonly #tally: Tally
  #at: number

  private constructor(conversation: Conversation, tally: Tally, start: number) {
    this.#conversation = conversation
    this.#tally = tally
    this.#at = start
  }

  static async open(door: Door, tally: Tally, start: number): Promise<Keeper> {
    return new Keeper(await open(door, tally, Kind.KEEP, { start, length: 0 }), tally, start)
  }

  async turn(length: number): Promise<void> {
    const transfer = { start: this.#at, length }
    const received = receive(this.#conversation, this.#at, length)
    const [checker] = await Promise.all([received, send(this.#conversation, transfer)])
    count(this.#tally, checker, length)
    this.#at += length
  }

  async close(): Promise<void> {
    this.#conversation.end()
    const rest = await receive(this.#conversation, this.#at)
    mustBe('bytes after the last', rest.bytes, 0)
    await this.#conversation.close()
  }
}
