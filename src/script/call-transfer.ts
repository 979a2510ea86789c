import { type Call, type Handler, type Program, socketOf } from './call.ts'
import type { KernelSocket } from './socket.ts'
import { Domain } from './symbols.ts'
import { type Received, receiveAttempt, type SendRequest, sendAttempt } from './transfer.ts'
import { ArgumentError, type Arguments, listOf, numberOf, type Value } from './values.ts'

// Calls that move data.

function receive(program: Program, args: Arguments, count: number, flags: number): Call {
  const socket = socketOf(program, args)
  return { attempt: receiveAttempt(program.kernel.machine, socket, { count, flags }) }
}

const read: Handler = (program, args) => {
  args.expectCount(3)
  return receive(program, args, args.number(2), 0)
}

const readv: Handler = (program, args) => {
  args.expectCount(3)
  return receive(program, args, vectorLength(args.at(1), args.number(2), 'readv'), 0)
}

const recv: Handler = (program, args) => {
  args.expectCount(4)
  return receive(program, args, args.number(2), args.number(3))
}

const recvfrom: Handler = (program, args) => {
  args.expectCount(6)
  return receive(program, args, args.number(2), args.number(3))
}

const recvmsg: Handler = (program, args) => {
  args.expectCount(3)
  const message = args.struct(1)
  const socket = socketOf(program, args)
  const into: Received = { bytes: [], flags: 0 }
  const count = messageLength(message, 'recvmsg')
  const expected = numberOf(message.get('msg_flags') ?? { kind: 'number', value: 0 }, 'msg_flags')
  if (message.has('msg_control')) throw new ArgumentError('recvmsg: control messages are not supported')
  return {
    attempt: receiveAttempt(program.kernel.machine, socket, { count, flags: args.number(2), into }),
    check: (outcome) => {
      if (outcome.value < 0 || into.flags === expected) return undefined
      return { expected: `msg_flags 0x${expected.toString(16)}`, seen: `0x${into.flags.toString(16)}` }
    },
  }
}

function send(program: Program, socket: KernelSocket, request: SendRequest): Call {
  return { attempt: sendAttempt(program.kernel.machine, socket, request) }
}

const write: Handler = (program, args) => {
  args.expectCount(3)
  return send(program, socketOf(program, args), { count: args.number(2), flags: 0, ...contents(args.at(1)) })
}

const writev: Handler = (program, args) => {
  args.expectCount(3)
  return send(program, socketOf(program, args), { count: vectorLength(args.at(1), args.number(2), 'writev'), flags: 0 })
}

const sendCall: Handler = (program, args) => {
  args.expectCount(4)
  const request = { count: args.number(2), flags: args.number(3), ...contents(args.at(1)) }
  return send(program, socketOf(program, args), request)
}

const sendto: Handler = (program, args) => {
  args.expectCount(6)
  const socket = socketOf(program, args)
  const request = { count: args.number(2), flags: args.number(3), ...contents(args.at(1)) }
  if (!args.isEllipsis(4) && args.number(4) === Domain.AF_UNSPEC) {
    program.disconnects(socket)
    return { attempt: program.kernel.sendTo(socket, undefined, request) }
  }
  program.connects(socket)
  return { attempt: program.kernel.sendTo(socket, program.connectTo, request) }
}

const sendmsg: Handler = (program, args) => {
  args.expectCount(3)
  const message = args.struct(1)
  const socket = socketOf(program, args)
  const request = { count: messageLength(message, 'sendmsg'), flags: args.number(2) }
  if (message.has('msg_control')) throw new ArgumentError('sendmsg: control messages are not supported')
  if (!message.has('msg_name')) return send(program, socket, request)
  program.connects(socket)
  return { attempt: program.kernel.sendTo(socket, program.connectTo, request) }
}

/** The octets of a buffer that a script spells out. */
function contents(buffer: Value): { bytes?: Uint8Array } {
  if (buffer.kind !== 'text') return {}
  return { bytes: Uint8Array.from(buffer.value, (char) => char.charCodeAt(0)) }
}

/** What the buffers of an iovec array hold together: `[{..., 100}, {..., 200}]`. */
function vectorLength(value: Value, count: number | undefined, call: string): number {
  const items = listOf(value, `the vector of ${call}`)
  if (count !== undefined && count !== items.length) {
    throw new ArgumentError(`${call} counts ${count} buffers, and the vector has ${items.length}`)
  }
  return items.reduce((sum, item) => sum + bufferLength(item, call), 0)
}

/** `{..., 100}`. */
const bufferLength = (item: Value, call: string): number =>
  numberOf(listOf(item, `a buffer of ${call}`)[1], `the length of a buffer of ${call}`)

function messageLength(message: ReadonlyMap<string, Value>, call: string): number {
  const vector = message.get('msg_iov')
  return vector === undefined ? 0 : vectorLength(vector, undefined, call)
}

export const TRANSFER: Readonly<Record<string, Handler>> = {
  read,
  readv,
  recv,
  recvfrom,
  recvmsg,
  write,
  writev,
  send: sendCall,
  sendto,
  sendmsg,
}
