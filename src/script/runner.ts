import type { Program } from './call.ts'
import { CallRunner } from './call-runner.ts'
import { runCode } from './code.ts'
import { CodeError } from './code-tokens.ts'
import type { CodeValue } from './code-value.ts'
import type { Configuration } from './configuration.ts'
import { ScriptFailure } from './failure.ts'
import { Kernel } from './kernel.ts'
import type { Machine } from './machine.ts'
import { PacketRunner } from './packet-runner.ts'
import type { CodeAction, Script, ScriptEvent } from './syntax.ts'
import { type ReadFile, System } from './system.ts'
import { TCP_INFO_CONSTANTS, tcpInfo } from './tcp-info.ts'
import { timingError, type Window, windowOf } from './timing.ts'
import { ArgumentError } from './values.ts'

/** Executes the events of a script, in their order and at their times, against a machine. */
export class Runner {
  readonly kernel: Kernel
  readonly packets: PacketRunner
  /** Shell commands that mean nothing to the machine, and what code has printed. */
  readonly skipped: string[] = []
  readonly printed: string[] = []
  /** Told of every event when its time has come; of a packet that is expected, when it was seen. */
  onEvent: ((event: ScriptEvent, elapsed: number) => void) | undefined
  readonly #machine: Machine
  readonly #configuration: Configuration
  readonly #system: System
  readonly #calls: CallRunner
  readonly #variables = new Map<string, CodeValue>(TCP_INFO_CONSTANTS)
  #last: { readonly event: ScriptEvent; readonly start: number } | undefined

  constructor(machine: Machine, configuration: Configuration, readFile: ReadFile) {
    this.#machine = machine
    this.#configuration = configuration
    this.kernel = new Kernel(machine)
    this.#system = new System(this.kernel, readFile)
    this.packets = new PacketRunner(machine, configuration)
    const { packets } = this
    const { remote, bindPort, connectPort, tolerance } = configuration
    const program: Program = {
      kernel: this.kernel,
      descriptors: new Map(),
      bindTo: { addr: machine.local, port: bindPort },
      connectTo: { addr: remote, port: connectPort },
      listens: (socket) => packets.listens(socket),
      connects: (socket) => packets.connects(socket),
      disconnects: (socket) => packets.disconnects(socket),
    }
    this.#calls = new CallRunner(machine, program, tolerance, (socket) => packets.opened(socket))
  }

  /** @throws {ScriptFailure} at the first line that does not hold. */
  run(script: Script): void {
    for (const path of this.#configuration.initScripts) this.#shell(path)
    if (script.init !== undefined) this.#shell(script.init.text)
    for (const event of script.events) {
      const window = this.#windowOf(event)
      try {
        this.#execute(event, window)
      } catch (error) {
        if (!(error instanceof ArgumentError)) throw error
        throw new ScriptFailure(event.line, 'a call that can be made', error.message)
      }
      this.#last = { event, start: window.start }
    }
    this.#calls.finish()
  }

  #execute(event: ScriptEvent, window: Window): void {
    const { action } = event
    if (action.kind === 'packet' && action.direction === 'out') {
      this.packets.expect(action, window, this.#last?.start)
      this.onEvent?.(event, this.#machine.elapsed)
      return
    }
    if (action.kind === 'call') this.#calls.awaitIdle(action)
    this.#waitFor(event, window)
    this.onEvent?.(event, this.#machine.elapsed)
    if (action.kind === 'packet') this.packets.inject(action)
    else if (action.kind === 'call') this.#calls.run(action, window)
    else if (action.kind === 'shell') this.#shell(action.text)
    else this.#code(action)
  }

  /** Relative times count from now, but those of packets injected in a row from each other. */
  #windowOf(event: ScriptEvent): Window {
    const last = this.#last
    const isInjected = ({ action }: ScriptEvent): boolean => action.kind === 'packet' && action.direction === 'in'
    const follows = last !== undefined && isInjected(last.event) && isInjected(event)
    return windowOf(event.time, follows ? last.start : this.#machine.elapsed)
  }

  #waitFor(event: ScriptEvent, window: Window): void {
    this.#machine.advance(window.start)
    const error = timingError(window, this.#machine.elapsed, this.#last?.start, this.#configuration.tolerance)
    if (error !== undefined) throw new ScriptFailure(event.line, `this ${error.expected}`, error.seen)
  }

  #shell(text: string): void {
    this.skipped.push(...this.#system.run(text).skipped)
    this.#machine.settle()
  }

  #code(action: CodeAction): void {
    const socket = this.packets.current?.socket
    if (socket === undefined) throw new ScriptFailure(action.line, 'a socket to ask', 'none')
    for (const [name, value] of tcpInfo(socket, this.#machine.now)) this.#variables.set(name, value)
    try {
      const { printed, failure } = runCode(action.text, this.#variables)
      this.printed.push(...printed)
      if (failure !== undefined) throw new ScriptFailure(action.line + failure.line, failure.expected, failure.seen)
    } catch (error) {
      if (!(error instanceof CodeError)) throw error
      throw new ScriptFailure(action.line, 'code that can be run', error.message)
    }
  }
}
