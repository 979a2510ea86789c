import { formatTimeOfDay } from '../units.ts'
import type { Packet } from './packet.ts'

const two = (n: number): string => String(n).padStart(2, '0')
const timeOfDay = (seconds: number): string => formatTimeOfDay(new Date(seconds * 1000))
const fraction = (nanos: number): string => String(Math.floor(nanos / 1000)).padStart(6, '0')

/**
 * The time before a line, by the number of -t: of day, none, since 1970, since
 * the line before, date and time, since the first line.
 */
export class Timestamps {
  readonly #style: number
  #before: { readonly seconds: number; readonly nanos: number } | undefined

  constructor(style: number) {
    this.#style = style
  }

  of(packet: Packet): string {
    const { seconds, nanos } = packet
    switch (this.#style) {
      case 0:
        return `${timeOfDay(seconds)}.${fraction(nanos)} `
      case 1:
        return ''
      case 2:
        return `${seconds}.${fraction(nanos)} `
      case 4:
        return `${date(seconds)} ${timeOfDay(seconds)}.${fraction(nanos)} `
      default:
        return this.#since(seconds, nanos)
    }
  }

  #since(seconds: number, nanos: number): string {
    const before = this.#before ?? { seconds, nanos }
    if (this.#before === undefined || this.#style === 3) this.#before = { seconds, nanos }
    const micros = (seconds - before.seconds) * 1e6 + Math.floor(nanos / 1000) - Math.floor(before.nanos / 1000)
    const distance = Math.abs(micros)
    const sign = micros < 0 ? '-' : ' '
    return `${sign}${span(Math.floor(distance / 1e6))}.${String(distance % 1e6).padStart(6, '0')} `
  }
}

const span = (seconds: number): string =>
  `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`

function date(seconds: number): string {
  const at = new Date(seconds * 1000)
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
}
