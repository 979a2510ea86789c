import { spawn } from 'node:child_process'
import { hasNative, native } from '../driver/native.ts'

/**
 * Tells systemd how the daemon is (sd_notify(3)), where it asks for that by $NOTIFY_SOCKET: through the addon, or by the
 * program `systemd-notify` where that is not built. Does nothing anywhere else; what goes wrong is not the daemon's concern.
 */
export class Notifier {
  readonly #socket: string | undefined
  /** How often systemd wants to hear that it lives, in milliseconds. */
  readonly #watchdog: number | undefined
  #beats: NodeJS.Timeout | undefined = undefined

  constructor(env: NodeJS.ProcessEnv = process.env) {
    const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: period, WATCHDOG_PID: pid } = env
    this.#socket = socket === undefined || !/^[/@]/.test(socket) ? undefined : socket
    const isOurs = pid === undefined || Number(pid) === process.pid
    this.#watchdog = isOurs && Number(period) > 0 ? Number(period) / 1000 : undefined
  }

  /** It serves. From here on systemd hears that it lives, where it wants to. */
  ready(status: string): void {
    this.#say('READY=1', `STATUS=${status}`)
    if (this.#socket === undefined || this.#watchdog === undefined || this.#beats !== undefined) return
    // Half of the time, as sd_watchdog_enabled(3) recommends.
    this.#beats = setInterval(() => this.#say('WATCHDOG=1'), this.#watchdog / 2)
    this.#beats.unref()
  }

  reloading(): void {
    // CLOCK_MONOTONIC, without which systemd does not know which reload is over (Type=notify-reload).
    this.#say('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  }

  stopping(): void {
    clearInterval(this.#beats)
    this.#say('STOPPING=1')
  }

  #say(...words: readonly string[]): void {
    if (this.#socket === undefined) return
    if (hasNative()) native().sendDatagram(this.#socket, Buffer.from(words.join('\n')))
    else spawn('systemd-notify', [`--pid=${process.pid}`, ...words], { stdio: 'ignore' }).on('error', () => undefined)
  }
}
