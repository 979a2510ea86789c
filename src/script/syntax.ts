// What a packet script says, as the parser understands it: packetdrill's notation without any meaning yet. Sequence
// numbers, ports and timestamps are the script's own.

/** A script, from its options to its last command. */
export interface Script {
  /** `--name=value` lines at the head; a flag alone has no value. */
  readonly options: readonly ScriptOption[]
  /** The shell text that prepares the machine, before anything happens. */
  readonly init: ShellAction | undefined
  readonly events: readonly ScriptEvent[]
  /** The shell text that puts the machine back. */
  readonly cleanup: ShellAction | undefined
}

export interface ScriptOption {
  readonly name: string
  readonly value: string | undefined
  readonly line: number
}

/** One line of the script: something that happens, and when. */
export interface ScriptEvent {
  readonly line: number
  readonly time: EventTime
  readonly action: Action
}

/**
 * When an event happens. Microseconds: from the beginning of the script, or with `relative` from the event before. A
 * range says how early and how late a packet may leave; `any` leaves that open.
 */
export type EventTime =
  | { readonly kind: 'at'; readonly relative: boolean; readonly micros: number }
  | { readonly kind: 'range'; readonly relative: boolean; readonly from: number; readonly to: number }
  | { readonly kind: 'any' }

export type Action = PacketAction | CallAction | ShellAction | CodeAction

/** `` `text` ``: commands for a shell. */
export interface ShellAction {
  readonly kind: 'shell'
  readonly text: string
  readonly line: number
}

/** `%{ text }%`: assertions about the connection. */
export interface CodeAction {
  readonly kind: 'code'
  readonly text: string
  readonly line: number
}

/** `...0.300 write(4, ..., 61000) = 61000 EAGAIN (note)`: a system call of the program under test. */
export interface CallAction {
  readonly kind: 'call'
  readonly name: string
  readonly args: readonly Expression[]
  readonly result: Expression
  /** The name of the error that is expected with a result of -1. */
  readonly errno: string | undefined
  /** The call blocks until this time, in microseconds, counted from where the time of its event is counted. */
  readonly endsAt: number | undefined
  readonly line: number
}

/** `<` or `>` and a packet: injected into the machine, or expected of it. */
export interface PacketAction {
  readonly kind: 'packet'
  readonly direction: 'in' | 'out'
  readonly ip: IpPart
  readonly body: TcpPart | UdpPart | IcmpPart
  readonly line: number
}

/** `[ect0]`, `[tos 0x28]`, `(ttl 5)`: what a packet says in its IP header. */
export interface IpPart {
  /** A codepoint, `ect01` for either of two, the whole octet, or undefined when the script does not care. */
  readonly tos: TosPart | undefined
  readonly ttl: number | undefined
}

export type TosPart =
  | { readonly kind: 'ecn'; readonly codepoint: 'noecn' | 'ect0' | 'ect1' | 'ce' | 'ect01' }
  | { readonly kind: 'tos'; readonly value: number }

export interface TcpPart {
  readonly kind: 'tcp'
  /** `40000 > 8080`, or undefined for the connection's own. */
  readonly ports: { readonly src: number; readonly dst: number } | undefined
  /** Letters F S R P U E W A as they stand, and `.` for ACK. */
  readonly flags: string
  readonly seq: number
  readonly length: number
  /** Undefined: no `ack` stands there. */
  readonly ack: number | undefined
  readonly window: number | undefined
  readonly urgent: number | undefined
  /** In their order; `any` for `<...>`. */
  readonly options: readonly OptionPart[] | 'any'
}

/** One TCP option. Bytes are hexadecimal text. */
export type OptionPart =
  | { readonly kind: 'nop' }
  | { readonly kind: 'eol' }
  | { readonly kind: 'mss'; readonly value: number }
  | { readonly kind: 'wscale'; readonly shift: number }
  | { readonly kind: 'sackOK' }
  | { readonly kind: 'sack'; readonly blocks: readonly (readonly [start: number, end: number])[] }
  | { readonly kind: 'timestamp'; readonly val: number; readonly ecr: number }
  | { readonly kind: 'fastOpen'; readonly experimental: boolean; readonly cookie: string }
  | { readonly kind: 'md5'; readonly digest: string }

export interface UdpPart {
  readonly kind: 'udp'
  readonly ports: { readonly src: number; readonly dst: number } | undefined
  readonly length: number
}

/** `icmp unreachable frag_needed mtu 1200 [1:1001(1000)]`. */
export interface IcmpPart {
  readonly kind: 'icmp'
  readonly type: string
  readonly code: string | undefined
  readonly mtu: number | undefined
  readonly id: number | undefined
  /** What the message quotes: octets of TCP, a UDP datagram, or neither. */
  readonly quoted: { readonly kind: 'tcp' | 'udp' | 'raw'; readonly seq: number; readonly length: number } | undefined
}

/** An argument or a result of a system call. */
export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  /** A constant that somebody else knows, such as `SOCK_STREAM`. */
  | { readonly kind: 'word'; readonly name: string }
  /** `abridged` when `...` follows the quotes. */
  | { readonly kind: 'text'; readonly value: string; readonly abridged: boolean }
  /** `...`: whatever is usual. */
  | { readonly kind: 'ellipsis' }
  | { readonly kind: 'or'; readonly left: Expression; readonly right: Expression }
  /** `name = value`, as results of some calls are written. */
  | { readonly kind: 'assign'; readonly name: string; readonly value: Expression }
  /** `[a, b]` and `{a, b}`. */
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  /** `{name=value, …}` and, with a count, `{msg_iov(2)=[…], …}`. */
  | { readonly kind: 'struct'; readonly fields: readonly StructField[] }
  /** `htons(8080)`, `inet_addr("192.0.2.1")`. */
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }

export interface StructField {
  readonly name: string
  readonly count: Expression | undefined
  readonly value: Expression
}
