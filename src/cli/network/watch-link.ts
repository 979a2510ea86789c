import { type ErrorCode, NetError } from '../../base/errors.ts'
import { listInterfaces } from '../../driver/interfaces.ts'
import type { PortLink } from '../../driver/port-link.ts'
import type { Output } from '../output.ts'

/** How often a link that is down is looked at, and for how long it may be down, in milliseconds. */
const LOOK_EVERY = 250
const PATIENCE = 30_000

/** Stops watching; harmless when repeated. */
export type StopWatching = () => void

/**
 * Says when the interface under a link goes down and comes back, and calls `onLost` once when it is gone for good:
 * removed, or down for half a minute.
 */
export function watchLink(link: PortLink, output: Output, onLost: (error: NetError) => void): StopWatching {
  let timer: NodeJS.Timeout | undefined
  const name = link.interface
  const stop = (): void => {
    clearInterval(timer)
    timer = undefined
    link.onError = undefined
  }
  const lose = (code: ErrorCode, message: string): void => {
    stop()
    onLost(new NetError(code, message, { syscall: 'read' }))
  }
  const look = (downSince: number): void => {
    const facts = listInterfaces().find((each) => each.name === name)
    if (facts === undefined) lose('ENODEV', `${name} was removed while in use. Start again when it is back`)
    else if (facts.up) {
      clearInterval(timer)
      timer = undefined
      output.note(`${name} is up again`)
    } else if (Date.now() - downSince >= PATIENCE) {
      lose('ENETDOWN', `${name} stayed down. Bring it up: sudo ip link set ${name} up`)
    } else if (timer === undefined) {
      output.warn(`${name} is down; waiting ${PATIENCE / 1000} s for it. Bring it up: sudo ip link set ${name} up`)
      timer = setInterval(() => look(downSince), LOOK_EVERY)
    }
  }
  link.onError = (error) => {
    if (error.code === 'ENETDOWN') look(Date.now())
    else lose('ENODEV', `${name} was removed while in use. Start again when it is back`)
  }
  return stop
}
