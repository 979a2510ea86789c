import type { ProbeEvent } from '../base/probe.ts'
import { formatInfo, infoOf } from '../tcp/info.ts'
import { configure } from './configuration.ts'
import { ScriptFailure } from './failure.ts'
import { BEGIN, Machine } from './machine.ts'
import { PacketLog } from './packet-log.ts'
import { Runner } from './runner.ts'
import type { Script, ScriptEvent, ScriptOption } from './syntax.ts'
import type { ReadFile } from './system.ts'
import type { WirePacket } from './wire.ts'

/** Packets that are shown before a failure. */
const SHOWN = 10

export interface RunOptions {
  /** Gives the text of a shell file that the script names, as the script writes its path. */
  readonly readFile?: ReadFile
  /** Options besides the script's own, which come before these. */
  readonly options?: readonly ScriptOption[]
  /** Receives an event for whatever the stack does. Times here are microseconds since the script began. */
  readonly probe?: (event: ProbeEvent, elapsed: number) => void
  /** Receives every packet, as it is on the wire. */
  readonly onPacket?: (packet: WirePacket, elapsed: number) => void
  /** Told of every event when its time has come; of a packet that is expected, when it was seen. */
  readonly onEvent?: (event: ScriptEvent, elapsed: number) => void
}

/** What came of a script. */
export interface ScriptResult {
  readonly passed: boolean
  readonly failure: FailureReport | undefined
  /** Shell commands and options that mean nothing to the machine; none of them was run. */
  readonly skipped: readonly string[]
  /** What `print` in its code said. */
  readonly printed: readonly string[]
  /** Microseconds of the script's own time. */
  readonly elapsed: number
}

/** Why a script did not pass. */
export interface FailureReport {
  readonly line: number
  /** When it happened, in microseconds since the script began. */
  readonly at: number
  readonly expected: string
  readonly seen: string
  /** The last packets before, in tcpdump's words, `>` for those of the stack. */
  readonly packets: readonly string[]
  /** Packets that the stack has sent and that the script has not looked at. */
  readonly unread: readonly string[]
  /** The connection, in the words of `ss -ti`; undefined when there is none. */
  readonly connection: string | undefined
}

/**
 * Runs a script against a stack of its own on virtual time. Whatever it finds is in the result.
 * @throws {ConfigurationError} when its options ask for what cannot be had.
 */
export function runScript(script: Script, options: RunOptions = {}): ScriptResult {
  const configuration = configure([...(options.options ?? []), ...script.options])
  const { local, prefix, mtu } = configuration
  const { probe } = options
  const probed = probe === undefined ? {} : { probe: (event: ProbeEvent) => probe(event, event.t_us - BEGIN) }
  const machine = new Machine({ local: { addr: local, prefix }, mtu, ...probed })
  const log = new PacketLog(SHOWN)
  machine.wire.onPacket = (packet) => {
    const elapsed = machine.since(packet.at)
    log.add(packet, elapsed)
    options.onPacket?.(packet, elapsed)
  }
  const runner = new Runner(machine, configuration, options.readFile ?? (() => undefined))
  runner.onEvent = options.onEvent
  let failure: FailureReport | undefined
  try {
    runner.run(script)
  } catch (error) {
    if (!(error instanceof ScriptFailure)) throw error
    failure = report(error, machine, runner, log)
  }
  const skipped = [...configuration.unknown.map((name) => `--${name}`), ...runner.skipped]
  return { passed: failure === undefined, failure, skipped, printed: runner.printed, elapsed: machine.elapsed }
}

function report(failure: ScriptFailure, machine: Machine, runner: Runner, log: PacketLog): FailureReport {
  const { line, expected, seen } = failure
  const tcb = runner.packets.current?.socket?.tcb
  const connection = tcb === undefined ? undefined : `${tcb.state} ${formatInfo(infoOf(tcb, machine.now))}`
  const unread: string[] = []
  for (let packet = machine.wire.take(); packet !== undefined; packet = machine.wire.take()) {
    unread.push(log.line(packet, machine.since(packet.at)))
  }
  return { line, at: machine.elapsed, expected, seen, packets: log.lines, unread, connection }
}
