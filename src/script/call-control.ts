import { atOnce, type Call, type Difference, type Handler, type Program, socketAt, socketOf } from './call.ts'
import { Epoll } from './epoll.ts'
import { readiness, reported } from './readiness.ts'
import { failed, type KernelSocket, type Outcome, ok } from './socket.ts'
import { getOption, setLinger, setOption } from './socket-options.ts'
import { FileFlag, Ioctl, Poll } from './symbols.ts'
import { ArgumentError, type Arguments, listOf, numberOf, structOf, type Value } from './values.ts'

// Calls that ask and tell sockets what they are.

const fcntl: Handler = (program, args) => {
  args.expectCount(2, 3)
  const socket = socketOf(program, args)
  const command = args.number(1)
  if (command === FileFlag.F_GETFL) {
    return atOnce(() => ok(FileFlag.O_RDWR | (socket.isNonBlocking ? FileFlag.O_NONBLOCK : 0)))
  }
  if (command !== FileFlag.F_SETFL) throw new ArgumentError(`fcntl: command ${command} is not supported`)
  return atOnce(() => {
    socket.isNonBlocking = (args.number(2) & FileFlag.O_NONBLOCK) !== 0
    return ok()
  })
}

const ioctl: Handler = (program, args) => {
  args.expectCount(3)
  const socket = socketOf(program, args)
  const expected = args.pointed(2)
  const read = IOCTLS.get(args.number(1))
  if (read === undefined) throw new ArgumentError(`ioctl: request ${args.number(1)} is not supported`)
  let value = 0
  return {
    attempt: () => {
      if (socket.listener !== undefined) return failed('EINVAL')
      value = read(socket)
      return ok()
    },
    check: (outcome) => differs(outcome, 'value', expected, value),
  }
}

const IOCTLS: ReadonlyMap<number, (socket: KernelSocket) => number> = new Map([
  // A FIN counts as one octet once all before it was read (tcp_inq).
  [
    Ioctl.SIOCINQ,
    ({ tcb }) => {
      if (tcb === undefined) return 0
      return tcb.receiveRing.length
    },
  ],
  [Ioctl.SIOCOUTQ, ({ tcb }) => tcb?.sendBuffer.length ?? 0],
  [Ioctl.SIOCOUTQNSD, ({ tcb }) => tcb?.unsent ?? 0],
])

const setsockopt: Handler = (program, args) => {
  args.expectCount(5)
  const socket = socketOf(program, args)
  const [level, name, value] = [args.number(1), args.number(2), args.at(3)]
  if (value.kind === 'struct') {
    const { fields } = value
    const onoff = numberOf(fields.get('onoff'), 'onoff')
    return atOnce(() => setLinger(socket, onoff, numberOf(fields.get('linger'), 'linger')))
  }
  if (value.kind === 'text')
    return atOnce(() => program.kernel.setText(socket, { level, name }, value.value, args.number(4)))
  return atOnce(() => setOption(socket, level, name, args.pointed(3)))
}

const getsockopt: Handler = (program, args) => {
  args.expectCount(5)
  const socket = socketOf(program, args)
  let found: number | string = 0
  return {
    attempt: () => {
      const value = getOption(program.kernel.machine, socket, args.number(1), args.number(2))
      if (typeof value === 'object') return failed(value.errno)
      found = value
      return ok()
    },
    check: (outcome) => checkOption(outcome, args, found),
  }
}

function checkOption(outcome: Outcome, args: Arguments, found: number | string): Difference | undefined {
  const expected = args.at(3)
  const length = args.pointed(4)
  if (outcome.value < 0) return undefined
  if (typeof found === 'string') {
    const wanted = expected.kind === 'text' ? expected.value : undefined
    return wanted === found ? undefined : { expected: JSON.stringify(wanted), seen: JSON.stringify(found) }
  }
  if (length !== 4) return { expected: `${length} octets`, seen: '4' }
  return differs(outcome, 'value', args.pointed(3) | 0, found | 0)
}

const differs = (outcome: Outcome, what: string, expected: number, seen: number): Difference | undefined =>
  outcome.value < 0 || expected === seen ? undefined : { expected: `the ${what} ${expected}`, seen: `${seen}` }

interface Polled {
  readonly socket: KernelSocket
  readonly events: number
  readonly expected: number
}

const poll: Handler = (program, args) => {
  args.expectCount(3)
  const polled = args.list(0).map((item) => polledOf(program, item))
  if (args.number(1) !== polled.length)
    throw new ArgumentError(`poll counts ${args.number(1)} descriptors, and lists ${polled.length}`)
  const waiting = waits(program, args.number(2))
  const seen = (): number[] => polled.map(({ socket, events }) => reported(readiness(socket), events))
  let found: number[] = []
  return {
    ...waiting,
    attempt: () => {
      found = seen()
      const ready = found.filter((mask) => mask !== 0).length
      return ready > 0 || waiting.isOver() ? ok(ready) : undefined
    },
    check: () => {
      const at = polled.findIndex(({ expected }, index) => expected !== found[index])
      if (at < 0) return undefined
      return { expected: `revents ${pollNames(polled[at]!.expected)}`, seen: pollNames(found[at] ?? 0) }
    },
  }
}

function polledOf(program: Program, item: Value): Polled {
  const fields = structOf(item, 'a descriptor of poll')
  return {
    socket: socketAt(program, numberOf(fields.get('fd'), 'fd')),
    events: numberOf(fields.get('events'), 'events'),
    expected: numberOf(fields.get('revents'), 'revents'),
  }
}

/** How long a call with a timeout in milliseconds waits; below zero for ever. */
function waits(program: Program, timeout: number): { deadline?: number; isOver(): boolean } {
  const { machine } = program.kernel
  if (timeout < 0) return { isOver: () => false }
  const deadline = machine.now + 1000 * timeout
  return { deadline, isOver: () => machine.now >= deadline }
}

function pollNames(mask: number): string {
  const names = Object.entries(Poll).flatMap(([name, bit]) => ((mask & bit) !== 0 ? [name] : []))
  return names.length === 0 ? '0' : names.join('|')
}

const epollControl: Handler = (program, args) => {
  args.expectCount(4)
  const epoll = epollOf(program, args)
  const event = structOf(args.at(3), 'the event of epoll_ctl')
  const data = event.get('ptr') ?? event.get('fd') ?? event.get('u32') ?? event.get('u64')
  const events = numberOf(event.get('events'), 'events')
  const socket = socketOf(program, args, 2)
  return atOnce(() => epoll.control(args.number(1), socket, events, data === undefined ? 0 : numberOf(data, 'data')))
}

const epollWait: Handler = (program, args) => {
  args.expectCount(4)
  const epoll = epollOf(program, args)
  const expected = args.at(1).kind === 'list' ? listOf(args.at(1), 'events') : [args.at(1)]
  const waiting = waits(program, args.number(3))
  let found: readonly { events: number; data: number }[] = []
  return {
    ...waiting,
    attempt: () => {
      found = epoll.take(args.number(2))
      return found.length > 0 || waiting.isOver() ? ok(found.length) : undefined
    },
    check: () => {
      const wanted = expected.map((item) => numberOf(structOf(item, 'an event').get('events'), 'events'))
      const at = found.findIndex(({ events }, index) => wanted[index] !== undefined && wanted[index] !== events)
      if (at < 0) return undefined
      return { expected: `events ${pollNames(wanted[at]!)}`, seen: pollNames(found[at]!.events) }
    },
  }
}

function epollOf(program: Program, args: Arguments): Epoll {
  const descriptor = program.descriptors.get(args.number(0))
  if (descriptor instanceof Epoll) return descriptor
  throw new ArgumentError(`descriptor ${args.number(0)} is not one of epoll`)
}

/** usleep(3), in microseconds. */
const usleep: Handler = (program, args): Call => {
  args.expectCount(1)
  const { machine } = program.kernel
  const deadline = machine.now + args.number(0)
  return { deadline, attempt: () => (machine.now >= deadline ? ok() : undefined) }
}

export const CONTROL: Readonly<Record<string, Handler>> = {
  fcntl,
  ioctl,
  setsockopt,
  getsockopt,
  poll,
  epoll_ctl: epollControl,
  epoll_wait: epollWait,
  usleep,
}
