import { formatEndpoint, formatIp, type IpAddr, isIpv4 } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import type { Rng } from '../base/rng.ts'
import { type Seq, seqAdd, seqMax } from '../base/seq.ts'
import { type SipKey, sipKey } from '../base/siphash.ts'
import { Thrown } from '../base/thrown.ts'
import { TimerQueue } from '../base/timer-queue.ts'
import { earliest, type Micros, micros } from '../base/types.ts'
import type { IpOutput, Route } from '../ip/output.ts'
import type { ErrorSender, IcmpError, IpPacket, Transport } from '../ip/transport.ts'
import { IpProtocol } from '../wire/ipv4.ts'
import { TcpFlag } from '../wire/tcp.ts'
import { transportChecksumOk } from '../wire/transport-checksum.ts'
import { fail } from './ending.ts'
import { prepareFastOpen } from './fast-open/client.ts'
import { TcpFastOpen } from './fast-open/fast-open.ts'
import type { TcpEvent, TcpState } from './fsm.ts'
import { segmentArrives } from './input.ts'
import { initialSequenceNumber, timestampOffset } from './iss.ts'
import { limitLinger } from './linger.ts'
import { onNetworkError } from './network-errors.ts'
import { takePort, type WayTo, wayTo } from './open.ts'
import { type TcpForwardContext, TcpForwarder, type TcpForwardLimits, type TcpOrigin } from './passive/forwarder.ts'
import { type Arrival, arrivesAtListener, type EndsV4, type ListenContext } from './passive/listen.ts'
import { DEFAULT_BACKLOG, Listener, type ListenOptions } from './passive/listener.ts'
import { Listeners } from './passive/listeners.ts'
import { Refusal } from './passive/refusal.ts'
import type { PortPool } from './ports.ts'
import { RangePool } from './recovery/range-pool.ts'
import { Segment, SegmentSender } from './segment.ts'
import { output } from './send/output.ts'
import {
  type ConnectOptions,
  resolveTcpOptions,
  SharedSettings,
  type TcpOptionsInit,
  type TcpSettings,
} from './settings.ts'
import type { TcpInit, TcpWatcher } from './surroundings.ts'
import { ConnectionTable } from './table.ts'
import { Tcb, type TcpOwner, UserEvent } from './tcb.ts'
import { TimeWait } from './time-wait.ts'
import { onTimer, startKeepAlive } from './timeouts.ts'
import { abort, limitFinWait2 } from './user.ts'

/** Linux has such a limit, too: without one, a peer that closes quickly could fill our memory for a minute. */
const MAX_TIME_WAIT = 131_072
/** RFC 6191: a reused pair of ends starts this far beyond the old one's sequence numbers. */
const REUSE_GAP = 65_537

/** All TCP connections and listeners of one stack: RFC 9293's "TCP implementation". */
export class Tcp implements Transport, TcpOwner {
  readonly protocol = IpProtocol.TCP
  readonly sender: SegmentSender
  /** TCP Fast Open of this stack: its options, keys and counters. */
  readonly fastOpen: TcpFastOpen
  #watcher: TcpWatcher | undefined = undefined
  readonly #ip: IpOutput
  readonly #ports: PortPool
  readonly #work: () => void
  readonly #errors: ErrorSender | undefined
  readonly #rng: Rng
  readonly #key: SipKey
  readonly #table: ConnectionTable<Tcb | TimeWait>
  readonly #listeners = new Listeners()
  #forwarder: TcpForwarder | undefined = undefined
  readonly #timers = new TimerQueue<Tcb | TimeWait>()
  /** Connections that input, a timer or the user touched since the last poll. */
  #dirty: Tcb[] = []
  #spare: Tcb[] = []
  readonly #origins = new Map<Tcb, TcpOrigin>()
  readonly #timeWaits = new Set<TimeWait>()
  readonly #segment = new Segment()
  readonly #settings = new SharedSettings()
  readonly #ranges = new RangePool()
  readonly #refusal: Refusal
  readonly #listenContext: ListenContext
  #now = micros(0)
  #polling = false
  readonly #thrown = new Thrown()

  constructor(init: TcpInit) {
    this.#ip = init.ip
    this.#ports = init.ports
    this.#work = init.work
    this.#errors = init.errors
    this.#rng = init.rng
    this.#key = sipKey(init.rng)
    this.fastOpen = new TcpFastOpen(init.rng)
    this.#table = new ConnectionTable(init.rng)
    this.sender = new SegmentSender(init.ip)
    this.#refusal = new Refusal(this.sender)
    this.#listenContext = {
      key: this.#key,
      sender: this.sender,
      fastOpen: this.fastOpen,
      create: (listener, arrival, iss) => this.#accepting(listener, arrival, iss),
      refuse: (arrival) => this.#refusal.send(arrival),
    }
  }

  /** Whoever wants to see every segment, timer and change of state. */
  set watcher(watcher: TcpWatcher | undefined) {
    this.#watcher = watcher
    this.sender.onSegment = watcher?.onSegmentOut.bind(watcher)
  }

  /** The time of the latest poll or packet. */
  get now(): Micros {
    return this.#now
  }

  /** Live connections and those in TIME-WAIT. */
  get connections(): Iterable<Tcb | TimeWait> {
    return this.#table
  }

  get size(): number {
    return this.#table.size
  }

  get listeners(): readonly Listener[] {
    return this.#listeners.all
  }

  /**
   * OPEN, active (RFC 9293 §3.10.1). The SYN goes out with the next poll, or waits for data to carry (`fastOpen`). Only a single host can be at the
   * other end (§3.9.1.1, MUST-46).
   * @throws {NetError} ENETUNREACH, EAFNOSUPPORT, EADDRINUSE or EADDRNOTAVAIL.
   */
  connect(remote: IpAddr, remotePort: number, options: TcpOptionsInit & ConnectOptions = {}): Tcb {
    const settings = this.#settings.of(options)
    const way = wayTo(this.#ip, remote, remotePort, options.local)
    const { local, route } = way
    const isFree = (port: number): boolean => this.#mayConnect(way, port, remotePort)
    const claim = takePort(this.#ports, 'connect from', { local, port: options.localPort ?? 0 }, isFree)
    const ends = { local, localPort: claim.port, remote: way.remote, remotePort }
    const old = this.#table.find(local, claim.port, way.remote, remotePort)
    const replaces = old instanceof TimeWait ? old : undefined
    if (replaces !== undefined) this.#forget(replaces)
    const iss = this.#chooseIss(ends, replaces, this.#now)
    const tcb = this.#create(ends, route, iss, settings, false, this.#now)
    tcb.claim = claim
    if (options.fastOpen) prepareFastOpen(tcb, this.fastOpen, this.#now)
    tcb.become('active open')
    this.changed(tcb)
    return tcb
  }

  /**
   * OPEN, passive. Port 0 takes a free one.
   * @throws {NetError} EADDRINUSE or EADDRNOTAVAIL.
   */
  listen(local: IpAddr, port: number, options: TcpOptionsInit & ListenOptions = {}): Listener {
    const settings = resolveTcpOptions(options)
    if (isIpv4(local) && local !== 0 && this.#ip.ownerOf(local) === undefined) {
      const message = `Cannot listen on ${formatEndpoint(local, port)}: it is not an address of this stack`
      throw new NetError('EADDRNOTAVAIL', message, { syscall: 'listen', address: formatIp(local), port })
    }
    const isFree = (candidate: number): boolean => this.#listeners.isFree(local, candidate)
    const claim = takePort(this.#ports, 'listen on', { local, port }, isFree)
    const fastOpen = options.fastOpen ?? (this.fastOpen.everyListener ? (options.backlog ?? DEFAULT_BACKLOG) : 0)
    const listener = new Listener(local, claim.port, settings, { ...options, fastOpen })
    listener.claim = claim
    this.#listeners.add(listener)
    return listener
  }

  /** Stops listening; connections nobody accepted are aborted, accepted ones live on. */
  unlisten(listener: Listener): void {
    this.#listeners.remove(listener)
    for (const tcb of listener.drain()) abort(tcb, this.sender, this.#now)
    this.#release(listener)
    this.#work()
  }

  /**
   * Takes every SYN that no listener takes, to whatever address IP lets in, until `unforward`.
   * @throws {NetError} EADDRINUSE when that is done already.
   */
  forward(limits: TcpForwardLimits): TcpForwarder {
    if (this.#forwarder !== undefined) {
      throw new NetError('EADDRINUSE', 'Cannot forward TCP: the stack has a handler for that; close it first')
    }
    const context: TcpForwardContext = {
      ip: this.#ip,
      refusal: this.#refusal,
      errors: this.#errors,
      rng: this.#rng,
      clock: () => this.#now,
      find: ({ local, localPort, remote, remotePort }) => this.#table.find(local, localPort, remote, remotePort),
      open: (origin, arrival, settings) => this.#passive(origin, arrival, settings, undefined),
      work: this.#work,
    }
    this.#forwarder = new TcpForwarder(context, limits)
    return this.#forwarder
  }

  /** Refuses what is not decided, and takes no more; connections live on. */
  unforward(): void {
    this.#forwarder?.close()
    this.#forwarder = undefined
    this.#work()
  }

  /** Aborts every connection and closes every listener; for a stack that goes away. */
  close(): void {
    this.unforward()
    for (const listener of this.listeners) this.unlisten(listener)
    for (const entry of [...this.#table]) {
      if (entry instanceof Tcb) abort(entry, this.sender, this.#now)
    }
    for (const entry of [...this.#table]) this.#forget(entry)
  }

  input(packet: IpPacket, now: Micros): string | undefined {
    this.#now = now
    const { frame, header: ip } = packet
    const seg = this.#segment
    const { header } = seg
    const drop = header.parse(frame.view, ip.payloadAt, ip.end)
    if (drop !== undefined) return drop
    if (
      frame.checksum === 'complete' &&
      !transportChecksumOk(frame.bytes, ip.src, ip.dst, IpProtocol.TCP, ip.payloadAt, ip.end)
    ) {
      return 'tcp-bad-checksum'
    }
    // RFC 9293 §3.9.2.3 (MUST-57), RFC 1122 §4.2.3.10: a connection has one host at each end.
    if (packet.broadcast) return 'tcp-broadcast'
    seg.fill(packet)
    return this.#dispatch(packet, seg, now)
  }

  icmpError(error: IcmpError, now: Micros): void {
    this.#now = now
    const tcb = this.#table.find(error.src, error.srcPort, error.dst, error.dstPort)
    if (tcb instanceof Tcb && !tcb.isOver && onNetworkError(tcb, error, this.#ip, now)) this.changed(tcb)
  }

  interfaceGone(error: NetError): void {
    for (const entry of [...this.#table]) {
      if (!(entry instanceof Tcb) || entry.route.valid) continue
      if (this.#ip.speaksFor(entry.local)) this.#reroute(entry)
      if (!entry.route.valid)
        fail(entry, 'abort', error.code, 'the interface it used is gone, and no other leads there')
    }
  }

  poll(now: Micros): void {
    this.#now = now
    this.#polling = true
    this.#forwarder?.poll(now)
    for (let entry = this.#timers.takeDue(now); entry !== undefined; entry = this.#timers.takeDue(now)) {
      if (entry instanceof TimeWait) this.#forget(entry)
      else this.#runTimers(entry, now)
    }
    const batch = this.#dirty
    this.#dirty = this.#spare
    for (const tcb of batch) this.#tell(tcb, now)
    for (const tcb of batch) {
      tcb.isDirty = false
      this.#send(tcb, now)
      if (tcb.events !== 0) this.changed(tcb)
    }
    // Not by its length: that would give back its memory, to be asked for again at the next change.
    while (batch.length > 0) batch.pop()
    this.#spare = batch
    this.#polling = false
  }

  /** What a user threw when he was told something comes out once everything else is done. */
  flushed(): void {
    this.#thrown.release(this.#work)
  }

  pollAt(): Micros {
    if (this.#dirty.length > 0) return this.#now
    return this.#forwarder === undefined
      ? this.#timers.pollAt()
      : earliest(this.#timers.pollAt(), this.#forwarder.pollAt())
  }

  changed(tcb: Tcb): void {
    if (!tcb.isDirty) {
      tcb.isDirty = true
      this.#dirty.push(tcb)
    }
    if (!this.#polling) this.#work()
  }

  ended(tcb: Tcb): void {
    tcb.fastOpen?.ended(tcb.failure?.code, this.#now)
    this.#table.remove(tcb)
    this.#timers.remove(tcb)
    this.#origins.get(tcb)?.ended(tcb)
    this.#origins.delete(tcb)
    if (tcb.state === 'TIME-WAIT' && tcb.settings.timeWait > 0) this.#keep(new TimeWait(tcb, this.#now))
    else tcb.claim?.release()
    tcb.claim = undefined
    this.changed(tcb)
  }

  /** Files a connection in TIME-WAIT; the oldest gives way when there are too many. */
  #keep(rest: TimeWait): void {
    this.#table.add(rest)
    this.#timers.update(rest)
    this.#timeWaits.add(rest)
    if (this.#timeWaits.size <= MAX_TIME_WAIT) return
    const [oldest] = this.#timeWaits
    this.#forget(oldest!)
  }

  provenMtu(tcb: Tcb, mtu: number): void {
    this.#ip.raisePathMtu(tcb.remote, mtu, this.#now)
  }

  moved(tcb: Tcb, from: TcpState, event: TcpEvent): void {
    this.#watcher?.onMoved(tcb, from, event, this.#now)
  }

  #dispatch(packet: IpPacket, seg: Segment, now: Micros): string | undefined {
    const { header: ip } = packet
    const { header } = seg
    const entry = this.#table.find(ip.dst, header.dstPort, ip.src, header.srcPort)
    if (entry instanceof Tcb) {
      this.#watcher?.onSegmentIn(entry, header, seg.dataLength, now)
      return segmentArrives(entry, seg, this.sender, now)
    }
    const listener = this.#listeners.find(ip.dst, header.dstPort)
    const isWanted = listener !== undefined || this.#forwarder !== undefined
    if (entry !== undefined && !(isWanted && entry.mayYieldTo(seg))) {
      entry.arrives(seg, this.sender, this.#refusal.limit, now)
      this.#timers.update(entry)
      return undefined
    }
    // A kernel that shares the address answers for ports that are not ours, and only for those.
    const isKernels = packet.iface.shared && !this.#ports.isHeld(this.protocol, ip.dst, header.dstPort)
    if (listener === undefined && isKernels) return 'tcp-closed'
    const forwarded = listener === undefined && this.#forwarder?.arrives(packet, seg, now)
    if (forwarded) return forwarded === true ? undefined : forwarded
    const ends = { local: ip.dst, localPort: header.dstPort, remote: ip.src, remotePort: header.srcPort }
    const route = this.#ip.route(ip.src, ip.dst)
    if (route === undefined) return 'tcp-no-route'
    const arrival: Arrival = { seg, ends, route, replaces: entry, now }
    if (listener === undefined) {
      this.#refusal.send(arrival)
      return 'tcp-closed'
    }
    const drop = arrivesAtListener(this.#listenContext, listener, arrival)
    if (drop !== undefined || !seg.has(TcpFlag.ACK)) return drop
    // The ACK that brought a cookie back goes on as the third segment of its handshake.
    const tcb = this.#table.find(ends.local, ends.localPort, ends.remote, ends.remotePort)
    return tcb instanceof Tcb ? segmentArrives(tcb, seg, this.sender, now) : undefined
  }

  /** RFC 6528, and beyond the numbers of the connection in TIME-WAIT that it replaces (RFC 6191 §2). */
  #chooseIss(ends: EndsV4, replaces: TimeWait | undefined, now: Micros): Seq {
    const iss = initialSequenceNumber(this.#key, ends, now)
    return replaces === undefined ? iss : seqMax(iss, seqAdd(replaces.sndNxt, REUSE_GAP))
  }

  /** A connection that a SYN begins. */
  #passive(origin: TcpOrigin, arrival: Arrival, settings: TcpSettings, cookie: Seq | undefined): Tcb {
    const { ends, route, replaces, now } = arrival
    if (replaces !== undefined) this.#forget(replaces)
    const tcb = this.#create(ends, route, cookie ?? this.#chooseIss(ends, replaces, now), settings, true, now)
    this.#origins.set(tcb, origin)
    return tcb
  }

  #accepting(listener: Listener, arrival: Arrival, cookie: Seq | undefined): Tcb {
    const tcb = this.#passive(listener, arrival, listener.settings, cookie)
    tcb.claim = this.#ports.claim(this.protocol, listener.local, listener.localPort)
    return tcb
  }

  #create(ends: EndsV4, route: Route, iss: Seq, settings: Tcb['settings'], passive: boolean, now: Micros): Tcb {
    const tsOffset = timestampOffset(this.#key, ends)
    const pathMtu = this.#ip.mtuOf(route)
    const tcb = new Tcb({
      ends,
      owner: this,
      settings,
      ranges: this.#ranges,
      route,
      pathMtu,
      iss,
      tsOffset,
      passive,
      now,
    })
    this.#table.add(tcb)
    return tcb
  }

  /** Whether these ends have no connection yet, or one that is over and may give way. */
  #mayConnect({ local, remote }: WayTo, port: number, remotePort: number): boolean {
    if (this.#listeners.find(local, port) !== undefined) return false
    const entry = this.#table.find(local, port, remote, remotePort)
    return entry === undefined || (entry instanceof TimeWait && entry.mayReuse(this.#now))
  }

  #runTimers(tcb: Tcb, now: Micros): void {
    this.changed(tcb)
    for (let timer = tcb.deadlines.takeExpired(now); timer !== undefined; timer = tcb.deadlines.takeExpired(now)) {
      this.#watcher?.onTimer(tcb, timer, now)
      onTimer(tcb, timer, this.sender, now)
    }
  }

  /** Tells the user what happened. Where he throws, he is told the rest with the next poll. */
  #tell(tcb: Tcb, now: Micros): void {
    try {
      if (tcb.takeEvent(UserEvent.ESTABLISHED)) this.#established(tcb, now)
      if (tcb.takeEvent(UserEvent.URGENT)) tcb.user?.onUrgent?.()
      if (tcb.takeEvent(UserEvent.READABLE)) tcb.user?.onReadable()
      if (tcb.takeEvent(UserEvent.WRITABLE)) tcb.user?.onWritable()
      if (tcb.takeEvent(UserEvent.CLOSED)) tcb.user?.onClosed(tcb.failure)
    } catch (error) {
      this.#thrown.add(error)
    }
  }

  #established(tcb: Tcb, now: Micros): void {
    startKeepAlive(tcb, now)
    const origin = this.#origins.get(tcb)
    this.#origins.delete(tcb)
    tcb.user?.onEstablished()
    origin?.established(tcb)
  }

  #send(tcb: Tcb, now: Micros): void {
    if (tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') return
    if (!tcb.route.valid) this.#reroute(tcb)
    // Another connection may have learnt of a narrower path, and what it learnt expires (RFC 1191 §6.3).
    tcb.pathMtu = this.#ip.mtuOf(tcb.route)
    limitFinWait2(tcb, now)
    limitLinger(tcb, now)
    output(tcb, this.sender, now)
    this.#timers.update(tcb)
  }

  /** Routes or addresses changed: a connection keeps its ends, and goes another way if there is one. */
  #reroute(tcb: Tcb): void {
    const route = this.#ip.route(tcb.remote, tcb.local)
    if (route === undefined) return
    tcb.route = route
    tcb.pathMtu = this.#ip.mtuOf(route)
  }

  #forget(entry: Tcb | TimeWait): void {
    if (entry instanceof TimeWait) this.#timeWaits.delete(entry)
    this.#table.remove(entry)
    this.#timers.remove(entry)
    this.#release(entry)
  }

  #release(owner: Tcb | TimeWait | Listener): void {
    owner.claim?.release()
    owner.claim = undefined
  }
}
