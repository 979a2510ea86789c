import { formatCidr, formatMac } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { Link } from '../link/link.ts'
import type { Host } from '../stack/host.ts'
import { type ErrorRecord, toRecord } from './error-record.ts'
import type { LinkDescription } from './links.ts'
import type { Handlers, InterfaceFacts } from './protocol.ts'

/** The interfaces that another thread has given a stack, by number. */
export class InterfaceService {
  readonly handlers: Handlers<'addInterface' | 'removeInterface'>
  readonly #interfaces = new Map<number, NetInterface>()
  #last = 0

  /** `open` makes a link of its description; `onError` learns that an interface is down or gone. */
  constructor(host: Host, open: (link: LinkDescription) => Link, onError: (id: number, error: ErrorRecord) => void) {
    this.handlers = {
      addInterface: ({ link, options }) => {
        const opened = open(link)
        try {
          return this.#facts(host.addInterface(opened, options))
        } catch (error) {
          opened.close()
          throw error
        }
      },
      removeInterface: (id) => {
        const iface = this.#interfaces.get(id)
        this.#interfaces.delete(id)
        if (iface !== undefined) host.stack.removeInterface(iface)
      },
    }
    host.stack.onInterfaceError = (iface, error) => {
      for (const [id, known] of this.#interfaces) if (known === iface) onError(id, toRecord(error))
    }
  }

  /** @throws {NetError} ENODEV. */
  get(id: number): NetInterface {
    const iface = this.#interfaces.get(id)
    if (iface === undefined) throw new NetError('ENODEV', 'Cannot use the interface: it was removed from the stack')
    return iface
  }

  #facts(iface: NetInterface): InterfaceFacts {
    const id = ++this.#last
    this.#interfaces.set(id, iface)
    const { name, mtu, mac, addresses } = iface
    return { id, name, mtu, mac: formatMac(mac), addresses: addresses.map(formatCidr) }
  }
}
