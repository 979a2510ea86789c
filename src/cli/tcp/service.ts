import { NetError } from '../../base/errors.ts'
import type { TcpSocket } from '../../stack/tcp-socket.ts'
import { finish, pumpIn, pumpOut, type Traffic } from './pump.ts'
import { discardSink } from './sink.ts'
import { CHUNK, generatedSource } from './source.ts'

/** How the command that served a connection ended: by its exit status, or by a signal. */
export interface CommandEnd {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
}

/** What a server does with a connection; it ends when both sides have nothing more to say. */
export type Service = (socket: TcpSocket, traffic: Traffic) => Promise<CommandEnd | undefined>

/** Sends back what comes, as it comes. */
export const echo: Service = async (socket, traffic) => {
  const buffer = new Uint8Array(CHUNK)
  for (let count = await socket.readInto(buffer); count > 0; count = await socket.readInto(buffer)) {
    traffic.received += count
    await socket.write(count === CHUNK ? buffer : buffer.subarray(0, count))
    traffic.sent += count
  }
  finish(socket, traffic)
  return undefined
}

/** Takes everything and says nothing. */
export const sink: Service = async (socket, traffic) => {
  await pumpIn(socket, discardSink, traffic)
  finish(socket, traffic)
  return undefined
}

/** Sends made-up bytes, `total` of them or for ever, and takes no notice of what comes. */
export const source =
  (total: number): Service =>
  async (socket, traffic) => {
    await Promise.all([pumpOut(generatedSource(total), socket, traffic), pumpIn(socket, discardSink, traffic)])
    return undefined
  }

/** Why a connection ended, for people. */
export function reasonOf(error: unknown, command?: CommandEnd): string {
  if (error === undefined) return command === undefined || isGood(command) ? 'closed' : `closed, ${failureOf(command)}`
  if (!(error instanceof NetError)) return error instanceof Error ? error.message : String(error)
  return REASONS[error.code] ?? error.message
}

export const isGood = ({ status }: CommandEnd): boolean => status === 0

function failureOf({ status, signal }: CommandEnd): string {
  if (signal !== null) return `the command was ended by ${signal}`
  // What a shell says of a command that it cannot run.
  const why = status === 127 ? ': not found' : status === 126 ? ': not executable' : ''
  return `the command failed with status ${status}${why}`
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNRESET: 'reset by the peer',
  ECONNABORTED: 'reset by us',
  ETIMEDOUT: 'timed out: the peer is gone',
}
