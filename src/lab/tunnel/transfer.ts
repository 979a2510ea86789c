import type { ChildProcess } from 'node:child_process'
import { tell } from './ground.ts'
import type { Poured, PourOrder, Taken, TakeReport } from './messages.ts'

/** What one transfer through the tunnel came to. */
export interface TunnelTransfer {
  /** Octets that were sent, and that arrived. */
  readonly sent: number
  readonly arrived: number
  readonly seconds: number
  readonly sentSha256: string
  readonly arrivedSha256: string
  /** The longest silence at the receiver, in milliseconds, since it was told to watch or since the beginning. */
  readonly gap: number
}

export const isIdentical = ({ sent, arrived, sentSha256, arrivedSha256 }: TunnelTransfer): boolean =>
  sent === arrived && sentSha256 === arrivedSha256

/** Bits per second. */
export const rateOf = ({ arrived, seconds }: TunnelTransfer): number => (arrived * 8) / seconds

/** A transfer that is going on. */
export class RunningTransfer {
  /** Octets that have arrived so far. */
  arrived = 0
  readonly done: Promise<TunnelTransfer>
  readonly #pourer: ChildProcess
  readonly #taker: ChildProcess

  /** Sends `octets`, or without a number until `finish`. */
  constructor(pourer: ChildProcess, taker: ChildProcess, octets: number | undefined) {
    this.#pourer = pourer
    this.#taker = taker
    this.done = this.#follow()
    tell(pourer, { pour: octets } satisfies PourOrder)
  }

  /** Counts silence from now on. */
  watch(): void {
    tell(this.#taker, { watch: true })
  }

  /** It is enough. */
  finish(): void {
    tell(this.#pourer, { enough: true } satisfies PourOrder)
  }

  async #follow(): Promise<TunnelTransfer> {
    const taken = new Promise<Taken>((resolve) => {
      const onReport = (report: TakeReport): void => {
        if ('octets' in report) this.arrived = report.octets
        if (!('taken' in report)) return
        this.#taker.off('message', onReport)
        resolve(report.taken)
      }
      this.#taker.on('message', onReport)
    })
    const poured = new Promise<Poured>((resolve) => this.#pourer.once('message', resolve))
    const [{ octets: arrived, sha256: arrivedSha256, endedAt, gap }, sent] = await Promise.all([taken, poured])
    const seconds = (endedAt - sent.beganAt) / 1000
    return { sent: sent.octets, arrived, seconds, sentSha256: sent.sha256, arrivedSha256, gap }
  }
}
