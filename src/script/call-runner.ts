import { micros, NEVER } from '../base/types.ts'
import type { Call, Program } from './call.ts'
import { ERRNO } from './errno.ts'
import { ScriptFailure } from './failure.ts'
import type { Machine } from './machine.ts'
import { file, prepareCall } from './program.ts'
import type { KernelSocket, Outcome } from './socket.ts'
import { KernelSocket as Socket } from './socket.ts'
import type { CallAction } from './syntax.ts'
import { type Tolerance, timingError, type Window } from './timing.ts'
import { evaluate, numberOf } from './values.ts'

/** packetdrill's patience with a blocked call before the next one. */
const PATIENCE = 1_000_000
/** How long a call that is not known to block is waited for. */
const LONG = 3_600_000_000

/** A call that blocks while the script goes on. */
interface Blocked {
  readonly action: CallAction
  readonly call: Call
  readonly window: Window
}

/** Makes the system calls of a script, one at a time; those that block go on while the script does. */
export class CallRunner {
  readonly #machine: Machine
  readonly #program: Program
  readonly #tolerance: Tolerance
  readonly #opened: (socket: KernelSocket) => void
  #blocked: Blocked | undefined

  /** `opened` is told of every socket that gets a number. */
  constructor(machine: Machine, program: Program, tolerance: Tolerance, opened: (socket: KernelSocket) => void) {
    this.#machine = machine
    this.#program = program
    this.#tolerance = tolerance
    this.#opened = opened
    machine.afterPoll = () => this.#resume()
  }

  /** Before the next call: waits for one that blocks, as long as packetdrill does. */
  awaitIdle(action: CallAction): void {
    if (this.#awaitReturn() || action.endsAt === undefined) return
    throw new ScriptFailure(action.line, 'the call before to have returned', 'that it still waits')
  }

  /** At the end of the script every call must have returned. */
  finish(): void {
    const blocked = this.#blocked
    if (blocked === undefined || this.#awaitReturn()) return
    throw new ScriptFailure(blocked.action.line, `${blocked.action.name} to return`, 'that it still waits')
  }

  /** Makes a call now; its time has come. */
  run(action: CallAction, window: Window): void {
    const call = prepareCall(this.#program, action.name, action.args.map(evaluate))
    const blocked = { action, call, window }
    const outcome = call.attempt()
    if (outcome !== undefined) this.#returned(blocked, outcome)
    else if (action.endsAt === undefined) this.#wait(blocked)
    else {
      this.#blocked = blocked
      this.#machine.alarm = micros(call.deadline ?? NEVER)
    }
    this.#machine.settle()
  }

  /** A call that blocks where the script does not foresee it: nothing else happens meanwhile. */
  #wait(blocked: Blocked): void {
    const { action, call } = blocked
    let outcome: Outcome | undefined
    this.#machine.settle()
    this.#machine.alarm = micros(call.deadline ?? NEVER)
    this.#machine.advance(this.#machine.elapsed + LONG, () => {
      outcome ??= call.attempt()
      return outcome !== undefined
    })
    this.#machine.alarm = NEVER
    if (outcome === undefined) throw new ScriptFailure(action.line, `${action.name} to return`, 'that it blocks')
    this.#returned(blocked, outcome)
  }

  /** Tries again what blocks; true when it returned. */
  #resume(): boolean {
    const blocked = this.#blocked
    const outcome = blocked?.call.attempt()
    if (blocked === undefined || outcome === undefined) return false
    this.#blocked = undefined
    this.#machine.alarm = NEVER
    this.#returned(blocked, outcome)
    return true
  }

  #awaitReturn(): boolean {
    if (this.#blocked === undefined) return true
    return this.#machine.advance(this.#machine.elapsed + PATIENCE, () => this.#blocked === undefined)
  }

  #returned(blocked: Blocked, outcome: Outcome): void {
    const { action, call, window } = blocked
    const { line, name, endsAt } = action
    const descriptor = outcome.value < 0 ? undefined : call.opened?.()
    const result = numberOf(evaluate(action.result), `the result of ${name}`)
    const isRight = descriptor === undefined ? outcome.value === result : result >= 0
    if (!isRight || (action.errno !== undefined && outcome.errno !== action.errno)) {
      throw new ScriptFailure(line, `${name} to return ${[result, action.errno ?? []].flat().join(' ')}`, told(outcome))
    }
    if (descriptor !== undefined) {
      file(this.#program, result, descriptor)
      if (descriptor instanceof Socket) this.#opened(descriptor)
    }
    if (outcome.value >= 0) call.succeeded?.()
    const difference = call.check?.(outcome)
    if (difference !== undefined)
      throw new ScriptFailure(line, `${name} to hand back ${difference.expected}`, difference.seen)
    if (endsAt === undefined) return
    const end = window.from + endsAt
    const due = { ...window, start: end, end }
    const error = timingError(due, this.#machine.elapsed, window.start, this.#tolerance)
    if (error !== undefined) throw new ScriptFailure(line, `${name} to return ${error.expected}`, error.seen)
  }
}

const told = ({ value, errno }: Outcome): string =>
  errno === undefined ? `${value}` : `${value} ${errno} (${ERRNO[errno]})`
