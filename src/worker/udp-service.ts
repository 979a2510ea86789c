import { NetError } from '../base/errors.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { Host } from '../stack/host.ts'
import type { UdpSocket } from '../stack/udp-socket.ts'
import type { ErrorRecord } from './error-record.ts'
import { toRecord } from './error-record.ts'
import type { Lane } from './lane.ts'
import type { Arguments, Handlers } from './protocol.ts'
import { ServedUdp, type UdpExit } from './served-udp.ts'

/** The UDP sockets of a stack that another thread uses. */
export class UdpService {
  readonly handlers: Handlers<'udpOpen' | 'udpConnect' | 'udpGroup' | 'udpClose'>
  readonly #sockets = new Map<number, ServedUdp>()
  readonly #interfaceOf: (id: number) => NetInterface

  /** `onError` learns of ICMP errors that concern a socket. */
  constructor(
    host: Host,
    init: {
      laneOf(id: number): Lane
      interfaceOf(id: number): NetInterface
      exit: UdpExit
      onError(lane: number, error: ErrorRecord): void
    },
  ) {
    this.#interfaceOf = init.interfaceOf
    const exit: UdpExit = {
      ...init.exit,
      free: (lane) => {
        this.#sockets.delete(lane)
        init.exit.free(lane)
      },
    }
    this.handlers = {
      udpOpen: ({ lane, options }) => {
        const socket = host.udp.open({ ...options, onError: (error) => init.onError(lane, toRecord(error)) })
        const served = new ServedUdp(socket, init.laneOf(lane), exit)
        this.#sockets.set(lane, served)
        served.begin()
        const { localAddress, localPort } = socket
        return { localAddress, localPort }
      },
      udpConnect: ({ lane, address, port }) => {
        const socket = this.#socket(lane)
        socket.connect(address, port)
        return { localAddress: socket.localAddress, remoteAddress: socket.remoteAddress! }
      },
      udpGroup: (args) => this.#group(args),
      udpClose: (lane) => this.#sockets.get(lane)?.close(),
    }
  }

  visit(lane: number): void {
    this.#sockets.get(lane)?.visit()
  }

  visitAll(): void {
    for (const socket of this.#sockets.values()) socket.visit()
  }

  #group({ lane, action, group, iface }: Arguments<'udpGroup'>): void {
    const socket = this.#socket(lane)
    const where = iface === undefined ? undefined : this.#interfaceOf(iface)
    if (action === 'join') socket.join(group, where)
    else if (action === 'leave') socket.leave(group, where)
    else socket.setMulticastInterface(where!)
  }

  #socket(lane: number): UdpSocket {
    const served = this.#sockets.get(lane)
    if (served === undefined) throw new NetError('ERR_CLOSED', 'Cannot use the socket: it is closed')
    return served.socket
  }
}
