import { type Ipv4Addr, parseIpv4 } from '../base/address.ts'
import type { Kernel } from './kernel.ts'
import { type ShellCommand, shellCommands } from './shell.ts'

/** Shell files that name shell files that name … */
const MAX_DEPTH = 4

/** Gives the text of a file that a script names, or undefined when there is none. Paths are as the script writes them. */
export type ReadFile = (path: string) => string | undefined

/** What a shell text came to. */
export interface ShellOutcome {
  /** Commands that mean nothing to this machine; none of them was run. */
  readonly skipped: string[]
}

/**
 * The shell of a script's machine. Nothing is ever run: of the commands that change Linux's network, those that this
 * stack has a counterpart for become its options, and the others are named.
 */
export class System {
  readonly #kernel: Kernel
  readonly #readFile: ReadFile

  constructor(kernel: Kernel, readFile: ReadFile) {
    this.#kernel = kernel
    this.#readFile = readFile
  }

  run(text: string): ShellOutcome {
    const skipped: string[] = []
    this.#runText(text, skipped, 0)
    this.#kernel.changed()
    return { skipped }
  }

  #runText(text: string, skipped: string[], depth: number): void {
    for (const command of shellCommands(text)) if (!this.#runOne(command, skipped, depth)) skipped.push(command.text)
  }

  #runOne(command: ShellCommand, skipped: string[], depth: number): boolean {
    const [name = '', ...words] = command.words
    const { output } = command
    if (name === 'echo' && output !== undefined) return this.#set(output, words.join(' '))
    if (name === 'sysctl') return this.#sysctl(words)
    if (name === 'ip') return this.#ip(words)
    if (name === 'tc') return this.#tc(words)
    if (name === 'ethtool') return this.#ethtool(words)
    // Kept beside the suite: sets parameters, and leaves a script that puts them back.
    if (name.endsWith('/set_sysctls.py')) return this.#assignments(words)
    if (/(^|\/)sysctl_restore_\S*\.sh$/.test(name)) return true
    if (!name.endsWith('.sh') || depth >= MAX_DEPTH) return false
    const text = this.#readFile(name)
    if (text === undefined) return false
    this.#runText(text, skipped, depth + 1)
    return true
  }

  #sysctl(words: readonly string[]): boolean {
    return this.#assignments(words.filter((word) => !word.startsWith('-')))
  }

  /** `name=value` each; true when all of them mean something. */
  #assignments(words: readonly string[]): boolean {
    return words
      .map((word) => {
        const at = word.indexOf('=')
        return at > 0 && this.#set(word.slice(0, at), word.slice(at + 1))
      })
      .every((known) => known)
  }

  #set(name: string, value: string): boolean {
    return this.#kernel.sysctls.set(name.trim(), value)
  }

  /** `ip route change ADDRESS … mtu lock N advmss N initcwnd N`, `ip tcp_metrics flush all`. */
  #ip(words: readonly string[]): boolean {
    const [object, action] = words[0]?.startsWith('-') ? words.slice(1) : words
    if (object === 'tcp_metrics' && action === 'flush') {
      this.#kernel.forgetPeers()
      return true
    }
    if (object !== 'route' || (action !== 'change' && action !== 'replace' && action !== 'add')) return false
    const number = (metric: string): number | undefined => {
      const at = words.indexOf(metric)
      if (at < 0) return undefined
      return Number(words[at + 1] === 'lock' ? words[at + 2] : words[at + 1])
    }
    this.#kernel.route = { mtu: number('mtu'), advertisedMss: number('advmss'), initialWindow: number('initcwnd') }
    const peer = parseIpv4(words.find((word) => parseIpv4(word) !== undefined) ?? '')
    if (peer !== undefined) this.#limitPath(peer, number('mtu'))
    return true
  }

  /** Packets to `peer` are no larger than `mtu`, or than the wire allows. */
  #limitPath(peer: Ipv4Addr, mtu: number | undefined): void {
    const { stack, wire, now } = this.#kernel.machine
    const most = mtu ?? wire.mtu
    stack.ip.raisePathMtu(peer, most, now)
    if (most < wire.mtu) stack.ip.lowerPathMtu(peer, most, now)
  }

  /** The queue before the wire: one of no length drops everything, `fq` paces, any other does nothing we could see. */
  #tc(words: readonly string[]): boolean {
    const [object, action] = words
    if (object !== 'qdisc') return false
    const { wire } = this.#kernel.machine
    const limit = words.indexOf('limit')
    wire.isClogged = action !== 'delete' && limit >= 0 && words[limit + 1] === '0'
    this.#kernel.paces = action !== 'delete' && words.includes('fq')
    return true
  }

  /** `ethtool -K tun0 gso off tso off`. */
  #ethtool(words: readonly string[]): boolean {
    if (words[0] !== '-K') return false
    const isOff = (feature: string): boolean => words[words.indexOf(feature) + 1] === 'off' && words.includes(feature)
    if (isOff('gso') || isOff('tso')) this.#kernel.machine.wire.cutsSegments = true
    return true
  }
}
