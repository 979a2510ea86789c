import type { Ipv4Addr } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import type { TcpOptionsInit } from '../tcp/settings.ts'
import type { Tcb } from '../tcp/tcb.ts'
import { abort, close, closeBoth } from '../tcp/user.ts'
import { type Errno, errnoNamed } from './errno.ts'
import { followSysctls, isDeferred, refusesClients, setFastOpenKey } from './fast-open.ts'
import type { Machine } from './machine.ts'
import { type Attempt, failed, KernelSocket, type Outcome, ok } from './socket.ts'
import { Domain, Level, Message, Shutdown, SocketType, TcpOption } from './symbols.ts'
import { Sysctls } from './sysctls.ts'
import { type SendRequest, sendAttempt } from './transfer.ts'

/** Somebody's address and port. */
export interface Endpoint {
  readonly addr: Ipv4Addr
  readonly port: number
}

/** Metrics of a route; undefined leaves one to the interface. */
export interface RouteMetrics {
  readonly mtu: number | undefined
  readonly advertisedMss: number | undefined
  readonly initialWindow: number | undefined
}

/** What accept(2) returns: a socket, or an error. */
export interface Accepted extends Outcome {
  readonly socket?: KernelSocket
}

/**
 * The system calls of the program under test, over our TCP, with Linux's results. Whatever may block is an attempt that
 * its caller repeats. No call lets time pass; what it sends goes out when the caller settles the machine.
 */
export class Kernel {
  readonly machine: Machine
  readonly sysctls = new Sysctls()
  /** What `ip route` says of the way to the peer. */
  route: RouteMetrics = { mtu: undefined, advertisedMss: undefined, initialWindow: undefined }
  /** The queue before the wire sends at each connection's own pace (`tc qdisc … fq`). */
  paces = false
  readonly #sockets = new Set<KernelSocket>()
  readonly #byTcb = new WeakMap<Tcb, KernelSocket>()

  constructor(machine: Machine) {
    this.machine = machine
    followSysctls(machine.tcp.fastOpen, this.sysctls)
    machine.onSegmentOut = (tcb, header, dataLength) => this.#byTcb.get(tcb)?.sent(header, dataLength)
  }

  /** The machine was set up differently: connections that follow it learn at once. */
  changed(): void {
    followSysctls(this.machine.tcp.fastOpen, this.sysctls)
    for (const socket of this.#sockets) socket.refresh()
  }

  /** What the machine asks of every connection, before its socket asks for more. */
  get options(): TcpOptionsInit {
    return {
      ...this.sysctls.options,
      emptyProbes: true,
      ...(this.paces ? { pacing: true } : {}),
      ...(this.route.advertisedMss === undefined ? {} : { maxSegment: this.route.advertisedMss }),
      ...(this.route.initialWindow === undefined ? {} : { initialWindow: this.route.initialWindow }),
    }
  }

  /** Forgets what earlier connections taught about their peers (`ip tcp_metrics flush`). */
  forgetPeers(): void {
    this.machine.tcp.fastOpen.cache.clear()
  }

  socket(domain: number, type: number, protocol: number): KernelSocket | Errno {
    if (domain !== Domain.AF_INET) return 'EAFNOSUPPORT'
    const kind = type & 0xf
    if (kind !== SocketType.SOCK_STREAM) return kind === SocketType.SOCK_DGRAM ? 'EPROTONOSUPPORT' : 'ESOCKTNOSUPPORT'
    if (protocol !== 0 && protocol !== Level.IPPROTO_TCP) return 'EPROTONOSUPPORT'
    const socket = new KernelSocket(this)
    socket.isNonBlocking = (type & SocketType.SOCK_NONBLOCK) !== 0
    this.#sockets.add(socket)
    return socket
  }

  bind(socket: KernelSocket, local: Endpoint): Outcome {
    if (socket.bound !== undefined || socket.tcb !== undefined) return failed('EINVAL')
    socket.bound = local
    return ok()
  }

  listen(socket: KernelSocket, backlog: number): Outcome {
    if (socket.tcb !== undefined) return failed('EINVAL')
    if (socket.listener !== undefined) return ok()
    const { addr, port } = socket.bound ?? { addr: this.machine.local, port: 0 }
    try {
      const { queue, keys } = socket.fastOpen
      const { tcp } = this.machine
      // Linux lets one connection more wait than the backlog says.
      const queues = {
        backlog: Math.max(1, backlog + 1),
        synCookies: socket.sysctls.synCookies,
        fastOpen: queue ?? (tcp.fastOpen.everyListener ? backlog : 0),
      }
      socket.listener = tcp.listen(addr, port, { ...socket.options, ...queues })
      socket.listener.fastOpen.keys = keys
      return ok()
    } catch (error) {
      return failed(errnoOf(error))
    }
  }

  accept(socket: KernelSocket): () => Accepted | undefined {
    return () => {
      if (socket.listener === undefined) return failed('EINVAL')
      const tcb = socket.listener.accept()
      if (tcb === undefined) return socket.isNonBlocking ? failed('EAGAIN') : undefined
      const child = new KernelSocket(this)
      child.inherit(socket)
      this.#sockets.add(child)
      this.#attach(child, tcb)
      child.connectReported = true
      return { value: 0, socket: child }
    }
  }

  /** connect(2) to `remote`; without one it dissolves the association (AF_UNSPEC). */
  connect(socket: KernelSocket, remote: Endpoint | undefined): Attempt {
    if (remote === undefined) return () => this.#disconnect(socket)
    let begun = false
    return () => {
      if (socket.listener !== undefined) return failed('EISCONN')
      if (isDeferred(socket)) return failed('EISCONN')
      if (socket.tcb === undefined) {
        begun = true
        const errno = this.#open(socket, remote, socket.fastOpen.connects)
        if (errno !== undefined) return failed(errno)
        if (isDeferred(socket)) return ok()
        if (socket.isNonBlocking) return failed('EINPROGRESS')
        return undefined
      }
      if (socket.isConnecting) return socket.isNonBlocking || !begun ? failed('EALREADY') : undefined
      if (socket.connectReported) return failed('EISCONN')
      const error = socket.takeError()
      if (error === undefined && socket.isConnected) {
        socket.connectReported = true
        return ok()
      }
      socket.detach()
      return failed(error ?? 'ECONNABORTED')
    }
  }

  /** sendto(2) and sendmsg(2) with an address: it opens the connection with MSG_FASTOPEN, and otherwise means nothing. */
  sendTo(socket: KernelSocket, remote: Endpoint | undefined, request: SendRequest): Attempt {
    const send = sendAttempt(this.machine, socket, request)
    if ((request.flags & Message.MSG_FASTOPEN) === 0) return send
    let begun = false
    return () => {
      if (begun) return send()
      begun = true
      if (remote === undefined || refusesClients(this.sysctls)) return failed('EOPNOTSUPP')
      if (socket.tcb === undefined) {
        const errno = this.#open(socket, remote, true)
        if (errno !== undefined) return failed(errno)
      } else if (socket.isConnecting && !isDeferred(socket)) return failed('EALREADY')
      return send()
    }
  }

  /** setsockopt(2) with a text of `length` octets. */
  setText(socket: KernelSocket, option: { level: number; name: number }, value: string, length: number): Outcome {
    if (option.level !== Level.SOL_TCP || option.name !== TcpOption.TCP_FASTOPEN_KEY) return failed('ENOPROTOOPT')
    const errno = setFastOpenKey(socket, value, length)
    return errno === undefined ? ok() : failed(errno)
  }

  shutdown(socket: KernelSocket, how: number): Outcome {
    if (how < 0 || how > 2) return failed('EINVAL')
    const { tcb } = socket
    if (socket.listener !== undefined && how !== Shutdown.SHUT_WR) {
      this.#unlisten(socket)
      return ok()
    }
    if (tcb === undefined || tcb.isOver) return failed('ENOTCONN')
    if (how !== Shutdown.SHUT_WR) socket.readShut = true
    if (how !== Shutdown.SHUT_RD) {
      socket.writeShut = true
      close(tcb)
    }
    // RFC 9293 §3.6.1: what arrives after both ends of ours are shut reaches nobody, and is answered with a reset.
    if (socket.readShut && socket.writeShut) tcb.readClosed = true
    return ok()
  }

  close(socket: KernelSocket): Outcome {
    if (socket.isClosed) return failed('EBADF')
    socket.isClosed = true
    this.#sockets.delete(socket)
    this.#unlisten(socket)
    const { tcb } = socket
    if (tcb === undefined || tcb.isOver) return ok()
    const { sender } = this.machine.tcp
    const isLost = tcb.receiveRing.length > 0 || socket.lingersNot || tcb.state === 'SYN-SENT'
    if (isLost) abort(tcb, sender, this.machine.now)
    else closeBoth(tcb, sender, this.machine.now)
    return ok()
  }

  /** Makes the connection, as connect(2) and sendto(2) with MSG_FASTOPEN do. */
  #open(socket: KernelSocket, remote: Endpoint, fastOpen: boolean): Errno | undefined {
    const { bound } = socket
    try {
      const ends = bound === undefined ? {} : { local: bound.addr, localPort: bound.port }
      const tcb = this.machine.tcp.connect(remote.addr, remote.port, { ...socket.options, ...ends, fastOpen })
      this.#attach(socket, tcb)
      return undefined
    } catch (error) {
      return errnoOf(error)
    }
  }

  #attach(socket: KernelSocket, tcb: Tcb): void {
    socket.attach(tcb)
    this.#byTcb.set(tcb, socket)
  }

  #disconnect(socket: KernelSocket): Outcome {
    const { tcb } = socket
    this.#unlisten(socket)
    if (tcb !== undefined && !tcb.isOver) abort(tcb, this.machine.tcp.sender, this.machine.now)
    socket.detach()
    return ok()
  }

  #unlisten(socket: KernelSocket): void {
    if (socket.listener === undefined) return
    // Its resets go out now, not when the stack last had something to do.
    this.machine.settle()
    this.machine.tcp.unlisten(socket.listener)
    socket.listener = undefined
  }
}

/** What the stack refused, in Linux's words. Anything that is no refusal is a mistake of ours. */
function errnoOf(error: unknown): Errno {
  const errno = error instanceof NetError ? errnoNamed(error.code) : undefined
  if (errno === undefined) throw error
  return errno
}
