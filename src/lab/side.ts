import type { Pipe } from './pipe.ts'
import { type OnProgress, receive, SINK_PORT, SOURCE_PORT, send, type Transfer } from './transfer.ts'

/** What a series of echo requests came to. */
export interface PingFigures {
  readonly sent: number
  readonly received: number
  /** Round-trip times in milliseconds; absent when nothing came back. */
  readonly rttMs?: { readonly min: number; readonly avg: number; readonly max: number }
}

/** The host under test in a demo: our stack in node1, or whatever else can open a connection. */
export interface Side {
  ping(count: number): Promise<PingFigures>
  send(bytes: number, onProgress: OnProgress): Promise<Transfer>
  receive(bytes: number, onProgress: OnProgress): Promise<Transfer>
  close(): Promise<void>
}

/** What a Side needs of a network: this is all that a stack has to offer. */
export interface Net {
  connect(port: number): Promise<Pipe>
  /** The round-trip time in milliseconds, or undefined when no answer came. */
  echo(sequence: number): Promise<number | undefined>
  close(): Promise<void>
}

/** A Side over any network. */
export function sideOf(net: Net): Side {
  return {
    ping: async (count) => {
      const times: number[] = []
      for (let sequence = 1; sequence <= count; sequence++) {
        const rtt = await net.echo(sequence)
        if (rtt !== undefined) times.push(rtt)
      }
      return pingFigures(count, times)
    },
    send: async (bytes, onProgress) => send(await net.connect(SINK_PORT), bytes, onProgress),
    receive: async (bytes, onProgress) => receive(await net.connect(SOURCE_PORT), bytes, onProgress),
    close: () => net.close(),
  }
}

export function pingFigures(sent: number, times: readonly number[]): PingFigures {
  if (times.length === 0) return { sent, received: 0 }
  const avg = times.reduce((sum, time) => sum + time, 0) / times.length
  return { sent, received: times.length, rttMs: { min: Math.min(...times), avg, max: Math.max(...times) } }
}
