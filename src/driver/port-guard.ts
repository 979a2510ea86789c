import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { formatEndpoint, type Ipv4Addr } from '../base/address.ts'
import { rangeError } from '../base/argument-errors.ts'
import { inNamespace } from './namespace.ts'
import { native } from './native.ts'
import { osError } from './os-errors.ts'

const { EADDRINUSE } = constants.errno
const TIME_WAIT = '06'

/** A port that the kernel leaves to us. */
export interface PortHold {
  /** Gives the port back. Harmless when repeated. */
  release(): void
}

/**
 * Keeps the kernel from answering segments of an address it shares with our stack.
 *
 * A kernel socket of our own holds each port, with a filter that drops everything before it is read: the kernel
 * finds an owner for the segment, so it sends no reset and no port-unreachable, and gives the port to nobody else.
 * The hold needs no firewall rule and ends with the process, however that ends.
 */
export class KernelPortGuard {
  readonly #netns: string | undefined

  constructor(options: { readonly netns?: string | undefined } = {}) {
    this.#netns = options.netns
  }

  /**
   * Holds a port of one of the kernel's own addresses.
   * @throws NetError EADDRINUSE while a kernel socket has the port, EADDRNOTAVAIL for an address of another machine,
   *   EPERM for a port below 1024 without CAP_NET_BIND_SERVICE
   */
  reserve(protocol: 'tcp' | 'udp', addr: Ipv4Addr, port: number): PortHold {
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      throw rangeError(`Cannot hold port ${port}: it must be an integer from 1 to 65535`)
    }
    const descriptor = inNamespace(this.#netns, () => hold(protocol === 'tcp', addr, port))
    if (descriptor < 0) {
      throw osError(descriptor, `hold ${protocol} port ${formatEndpoint(addr, port)} of the kernel`, 'bind', {
        EADDRINUSE: `Choose another port, or see who has it: ss -anp 'sport = :${port}'`,
        EPERM:
          'Ports below 1024 need: sudo setcap cap_net_bind_service,cap_net_admin,cap_net_raw+ep $(readlink -f $(which node))',
      })
    }
    let held = true
    return {
      release: () => {
        if (held) native().releasePort(descriptor)
        held = false
      },
    }
  }
}

function hold(tcp: boolean, addr: Ipv4Addr, port: number): number {
  const addon = native()
  const first = addon.holdPort(tcp, addr, port, false)
  // SO_REUSEADDR takes the port from old connections in TIME-WAIT. It would as well from living ones whose
  // listener is gone, and our stack would then reset those: they have to be looked for.
  if (!tcp || first !== -EADDRINUSE || hasLiveSocket(port)) return first
  return addon.holdPort(tcp, addr, port, true)
}

/** Whether a kernel TCP socket in any state but TIME-WAIT has the port: proc_net_tcp(5). */
function hasLiveSocket(port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return ['tcp', 'tcp6'].some((table) => {
    try {
      return readFileSync(`/proc/thread-self/net/${table}`, 'latin1')
        .split('\n')
        .some((line) => {
          const [, local, , state] = line.trim().split(/\s+/)
          return local?.endsWith(suffix) === true && state !== TIME_WAIT
        })
    } catch {
      return false
    }
  })
}
