import { IPV4_ANY, type Ipv4Addr } from '../base/address.ts'
import { rangeError } from '../base/argument-errors.ts'
import { NetError } from '../base/errors.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { Link } from '../link/link.ts'
import type { TcpFastOpen } from '../tcp/fast-open/fast-open.ts'
import type { ListenOptions } from '../tcp/passive/listener.ts'
import type { TcpOptionsInit } from '../tcp/settings.ts'
import { Tcp } from '../tcp/tcp.ts'
import { abort } from '../tcp/user.ts'
import { type AddressLike, toCidr, toIpv4, toMac } from './address.ts'
import { requireOptions, requireSignal, within } from './limits.ts'
import { Ping, ping } from './ping.ts'
import type { PingOptions, PingReply } from './ping-events.ts'
import { Stack, type StackOptions } from './stack.ts'
import { TcpForward, type TcpForwardHandler, type TcpForwardOptions } from './tcp-forward.ts'
import { TcpListener } from './tcp-listener.ts'
import { TcpProbe } from './tcp-probe.ts'
import { TcpSocket } from './tcp-socket.ts'
import { UdpForward, type UdpForwardHandler, type UdpForwardOptions } from './udp-forward.ts'
import { openUdp, type UdpOptions, type UdpSocket } from './udp-socket.ts'
import { abortError } from './waiters.ts'

export interface AddInterfaceOptions {
  /** `10.0.0.9/24`, or several. */
  readonly address: string | readonly string[]
  /** The router for everything that is on no link of ours. */
  readonly gateway?: string
  /** Our Ethernet address; the link's own, or a random one, by default. */
  readonly mac?: string
  /** The kernel has the same address: it answers ARP and echo, we only our own ports. */
  readonly shared?: boolean
  /** The 802.1Q VLAN to live in. */
  readonly vlan?: number
  /** Smaller than the link's own. */
  readonly mtu?: number
  /**
   * Takes every packet for one host that comes in as if it were for us, whatever the address: what `tcp.forward` and
   * `udp.forward` stand behind. Echo requests are answered in the name of all, unless `anyEcho` is false.
   */
  readonly anyAddress?: boolean
  readonly anyEcho?: boolean
  readonly name?: string
}

export interface TcpConnectOptions extends TcpOptionsInit {
  readonly host: AddressLike
  readonly port: number
  readonly localAddress?: AddressLike
  /**
   * The port to connect from. Several connections may share one, each to another place. To the same place again it is
   * free a second after the last connection was closed by us, or a minute (`timeWait`) where that had no timestamps
   * (RFC 6191); at once where the peer closed first.
   */
  readonly localPort?: number
  /**
   * TCP Fast Open (RFC 7413): where a cookie of the server is known, `connect` resolves at once, and the first `write`
   * rides on the SYN. The server's program may see that data twice: only for what may be repeated. Default false.
   */
  readonly fastOpen?: boolean
  /** Ends the attempt with ABORT_ERR; once the connection is open it has no effect. */
  readonly signal?: AbortSignal
}

export interface TcpListenOptions extends TcpOptionsInit, ListenOptions {
  /** Default: all addresses of the stack. */
  readonly host?: AddressLike
  /** 0 takes a free one. */
  readonly port: number
  /** Closes the listener. */
  readonly signal?: AbortSignal
}

const MAX_BACKLOG = 65_535

/**
 * A host on the network, for programs: a stack with TCP, UDP and ping behind
 * promises. It performs no I/O and has no clock; a driver or a simulation polls `stack`.
 */
export class Host {
  /** The stack itself: interfaces, routes, counters, `poll`. */
  readonly stack: Stack
  /** The TCP machine beneath `tcp`. */
  readonly machine: Tcp
  readonly tcp: {
    /**
     * Opens a connection; resolves when the handshake is complete, or when data can ride on it (`fastOpen`).
     * @throws {NetError} ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EADDRINUSE, ABORT_ERR.
     */
    connect(options: TcpConnectOptions): Promise<TcpSocket>
    /**
     * Listens on a port. One whose connections are in TIME-WAIT, or whose connections live on without a listener, is
     * free for it, as it is for node:net, which sets SO_REUSEADDR: a server can be started again at once.
     * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL.
     */
    listen(options: TcpListenOptions): TcpListener
    /**
     * Puts every SYN that no listener takes before `handler`, whatever its destination: on an interface with
     * `anyAddress`, connections to the whole world. One handler at a time.
     * @throws {NetError} EADDRINUSE.
     */
    forward(handler: TcpForwardHandler, options?: TcpForwardOptions): TcpForward
    /** TCP Fast Open of this host: what is allowed, the keys, the cookies of servers, counters. */
    readonly fastOpen: TcpFastOpen
  }
  readonly udp: {
    /**
     * Opens a UDP socket.
     * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL.
     */
    open(options?: UdpOptions): UdpSocket
    /**
     * Puts every flow of datagrams that no socket takes before `handler`, whatever its destination: on an interface
     * with `anyAddress`, to the whole world. One handler at a time.
     * @throws {NetError} EADDRINUSE.
     */
    forward(handler: UdpForwardHandler, options?: UdpForwardOptions): UdpForward
  }

  constructor(options: StackOptions) {
    this.stack = new Stack(options)
    const { stack } = this
    const { ip, ports, rng, icmp } = stack
    this.machine = new Tcp({ ip, ports, rng, work: () => stack.work(), errors: icmp })
    stack.register(this.machine)
    stack.dependants.add(() => this.machine.close())
    if (stack.probe !== undefined) this.machine.watcher = new TcpProbe(stack.probe, stack.hostname)
    this.tcp = {
      connect: (init) => this.#connect(init),
      listen: (init) => this.#listen(init),
      forward: (handler, init) => new TcpForward(this.machine, this.#open('forward'), handler, init),
      fastOpen: this.machine.fastOpen,
    }
    this.udp = {
      open: (init) => openUdp(stack, init),
      forward: (handler, init) => new UdpForward(this.#open('forward'), handler, init),
    }
  }

  /**
   * Puts a link into service under an address. The stack closes the link.
   * @throws {TypeError} when an address is none.
   */
  addInterface(link: Link, options: AddInterfaceOptions): NetInterface {
    requireOptions('add an interface', options, "{ address: '10.0.0.9/24' }")
    const texts = typeof options.address === 'string' ? [options.address] : options.address
    const { gateway, mac, address: _, ...rest } = options
    return this.stack.addInterface(link, {
      ...rest,
      addresses: texts.map(toCidr),
      ...(gateway === undefined ? {} : { gateway: toIpv4(gateway) }),
      ...(mac === undefined ? {} : { mac: toMac(mac) }),
    })
  }

  /** One echo request; resolves with its reply. */
  ping(address: AddressLike, options?: PingOptions): Promise<PingReply> {
    return ping(this.stack, address, options)
  }

  /** Echo requests again and again: an async iterable of what happens. */
  pings(address: AddressLike, options?: PingOptions): Ping {
    return new Ping(this.stack, address, options)
  }

  /** Ends pings, listeners and UDP sockets, resets every connection, closes the links. The process can exit. */
  close(): void {
    this.stack.close()
  }

  /** The stack, for something that it must be open for. */
  #open(syscall: string): Stack {
    if (this.stack.isClosed) throw new NetError('ERR_CLOSED', `Cannot ${syscall}: the stack is closed`, { syscall })
    return this.stack
  }

  async #connect(options: TcpConnectOptions): Promise<TcpSocket> {
    requireOptions('connect', options, "{ host: '10.0.0.2', port: 80 }")
    const { host, port, localAddress, signal, ...rest } = options
    if (requireSignal(signal)?.aborted) throw abortError('connect')
    checkPort(port, 1)
    if (rest.localPort !== undefined) checkPort(rest.localPort, 0)
    this.#open('connect')
    const local = localAddress === undefined ? {} : { local: toIpv4(localAddress) }
    const tcb = this.machine.connect(toIpv4(host), port, { ...rest, ...local })
    const socket = new TcpSocket(tcb, this.machine)
    if (socket.isWaitingForData) return socket
    const onAbort = (): void => {
      abort(tcb, this.machine.sender, this.machine.now)
      this.machine.changed(tcb)
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await socket.opened
    } catch (error) {
      throw signal?.aborted ? abortError('connect') : error
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
    return socket
  }

  #listen(options: TcpListenOptions): TcpListener {
    requireOptions('listen', options, '{ port: 80 }')
    const { host, port, signal, ...rest } = options
    if (requireSignal(signal)?.aborted) throw abortError('listen')
    checkPort(port, 0)
    within('backlog', rest.backlog, 0, 0, MAX_BACKLOG)
    this.#open('listen')
    const local: Ipv4Addr = host === undefined ? IPV4_ANY : toIpv4(host)
    return new TcpListener(this.machine.listen(local, port, rest), this.machine, this.stack, signal)
  }
}

function checkPort(port: number, least: number): void {
  if (!Number.isInteger(port) || port < least || port > 65535) {
    throw rangeError(`Cannot use port ${port}: it must be an integer from ${least} to 65535`)
  }
}
