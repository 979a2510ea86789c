/** How packets are put into words; the letters are tcpdump's flags. */
export interface FormatOptions {
  /** -e: the link-level header too. */
  readonly link: boolean
  /** -v, -vv, -vvv. */
  readonly verbose: number
  /** -q: less about each protocol. */
  readonly quiet: boolean
  /** -S: sequence numbers as on the wire, not relative to the first of the flow. */
  readonly absoluteSeq: boolean
  /** The name of a host, or the address itself. */
  readonly hostName: (address: string) => string
  /** The name of a port, or its number. */
  readonly portName: (port: number, protocol: 'tcp' | 'udp') => string
}

/** One line to a packet, all numeric. */
export const FORMAT_DEFAULTS: FormatOptions = {
  link: false,
  verbose: 0,
  quiet: false,
  absoluteSeq: false,
  hostName: (address) => address,
  portName: String,
}
