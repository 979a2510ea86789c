import { parseMac } from '../../base/address.ts'
import { EtherType } from '../ethernet.ts'
import { parseHost, parseNetwork } from './addresses.ts'
import { comparison, isRelation, number, startsArithmetic } from './arithmetic.ts'
import { NETWORKS, PORTS, TRANSPORTS } from './names.ts'
import type { Direction, Predicate } from './predicates.ts'
import * as is from './predicates.ts'
import { TokenReader } from './token-reader.ts'

/** What stands before an identifier; a bare identifier takes those of the one before it. */
interface Qualifiers {
  readonly protocol: string | undefined
  readonly direction: Direction
  readonly type: string
}

const TYPES: readonly string[] = ['host', 'net', 'port', 'portrange', 'proto']
const PROTOCOLS: readonly string[] = ['ether', ...Object.keys(NETWORKS), ...Object.keys(TRANSPORTS)]
const DEFAULTS: Qualifiers = { protocol: undefined, direction: 'src or dst', type: 'host' }
const MAX_DEPTH = 64

/** Turns an expression into a predicate by recursive descent (pcap-filter(7)). */
export class FilterParser {
  readonly #reader: TokenReader
  #last: Qualifiers = DEFAULTS
  #depth = 0

  constructor(text: string) {
    this.#reader = new TokenReader(text)
  }

  /** @throws FilterSyntaxError */
  parse(): Predicate {
    const predicate = this.#expression()
    if (this.#reader.peek.text !== '') this.#reader.fail('expected "and", "or" or the end')
    return predicate
  }

  /** `and` and `or` bind equally and to the left, as in libpcap. */
  #expression(): Predicate {
    const reader = this.#reader
    let left = this.#term()
    for (;;) {
      const first = left
      if (reader.accept('and', '&&')) {
        const second = this.#term()
        left = (packet) => first(packet) && second(packet)
      } else if (reader.accept('or', '||')) {
        const second = this.#term()
        left = (packet) => first(packet) || second(packet)
      } else return left
    }
  }

  #term(): Predicate {
    const reader = this.#reader
    if (++this.#depth > MAX_DEPTH) reader.fail('the filter is nested too deep')
    const predicate = this.#factor()
    this.#depth--
    return predicate
  }

  #factor(): Predicate {
    const reader = this.#reader
    if (reader.accept('not', '!')) {
      const inner = this.#term()
      return (packet) => !inner(packet)
    }
    if (startsArithmetic(reader) && !this.#isBareNumber()) return comparison(reader)
    if (reader.peek.text !== '(') return this.#primitive()
    return this.#parenthesis()
  }

  /** `80` alone after `port 22 or`, not the start of a sum. */
  #isBareNumber(): boolean {
    const next = this.#reader.ahead(1).text
    return (
      number(this.#reader.peek.text) !== undefined && (next === '' || next === 'and' || next === 'or' || next === ')')
    )
  }

  /** A parenthesis holds an expression, or begins a comparison: `(tcp[12] & 0xf0) > 80`. */
  #parenthesis(): Predicate {
    const reader = this.#reader
    const start = reader.position
    reader.take()
    if (startsArithmetic(reader) || reader.peek.text === '(') {
      const depth = this.#closing(start)
      if (isRelation(reader.ahead(depth).text) || /^[-+*/%&|^]$|^<<$|^>>$/.test(reader.ahead(depth).text)) {
        reader.rewind(start)
        return comparison(reader)
      }
    }
    const inner = this.#expression()
    reader.expect(')')
    return inner
  }

  /** How far ahead the token behind the parenthesis opened at `start` stands. */
  #closing(start: number): number {
    const reader = this.#reader
    const offset = start - reader.position
    let open = 0
    for (let i = offset; reader.ahead(i).text !== ''; i++) {
      const { text } = reader.ahead(i)
      if (text === '(') open++
      if (text === ')' && --open === 0) return i + 1
    }
    return 0
  }

  #primitive(): Predicate {
    const reader = this.#reader
    const word = reader.peek.text
    if (word === '' || word === ')') reader.fail('expected a condition such as "tcp" or "host 10.0.0.1"')
    if (word === 'vlan') return this.#vlan()
    if (word === 'less' || word === 'greater') return this.#length()
    if (word === 'broadcast' || word === 'multicast') return this.#group('ether')
    return this.#qualified()
  }

  #vlan(): Predicate {
    const reader = this.#reader
    reader.take()
    const id = number(reader.peek.text)
    if (id === undefined) return is.vlan(undefined)
    if (id > 4095) reader.fail('a VLAN identifier is at most 4095')
    reader.take()
    return is.vlan(id)
  }

  #length(): Predicate {
    const reader = this.#reader
    const isLess = reader.take().text === 'less'
    const token = reader.take()
    const length = number(token.text)
    if (length === undefined) return reader.fail('expected a length', token)
    return isLess ? (packet) => packet.wireLength <= length : (packet) => packet.wireLength >= length
  }

  /** `ether broadcast`, `ip multicast` and the like. */
  #group(protocol: string): Predicate {
    const reader = this.#reader
    const token = reader.take()
    if (token.text === 'broadcast') {
      return protocol === 'ether'
        ? is.isBroadcastFrame
        : reader.fail('the netmask is not known: name the address', token)
    }
    if (protocol === 'ether') return is.isMulticastFrame
    return protocol === 'ip6' ? is.isMulticastIp6 : is.isMulticastIp
  }

  #qualified(): Predicate {
    const reader = this.#reader
    const isProtocol = PROTOCOLS.includes(reader.peek.text)
    const protocol = isProtocol ? reader.take().text : undefined
    if (reader.peek.text === 'broadcast' || reader.peek.text === 'multicast') return this.#group(protocol ?? 'ether')
    const direction = this.#direction()
    const type = TYPES.includes(reader.peek.text) ? reader.take().text : undefined
    if (protocol !== undefined && direction === undefined && type === undefined && !this.#isIdentifier()) {
      if (protocol === 'ether') return reader.fail('"ether" needs host, src, dst, proto, broadcast or multicast')
      return protocolAlone(protocol)
    }
    const given = protocol !== undefined || direction !== undefined || type !== undefined
    const qualifiers: Qualifiers = given
      ? { protocol, direction: direction ?? DEFAULTS.direction, type: type ?? DEFAULTS.type }
      : this.#last
    this.#last = qualifiers
    return this.#identified(qualifiers)
  }

  /** Whether what follows names something, so that `ip 10.0.0.1`, a host, differs from `ip and …`. */
  #isIdentifier(): boolean {
    const { text } = this.#reader.peek
    return /^[\w.]/.test(text) && text !== 'and' && text !== 'or' && text !== 'not'
  }

  #direction(): Direction | undefined {
    const reader = this.#reader
    if (!reader.accept('src')) return reader.accept('dst') ? 'dst' : undefined
    for (const word of ['or', 'and'] as const) {
      if (reader.peek.text === word && reader.ahead(1).text === 'dst') {
        reader.take()
        reader.take()
        return `src ${word} dst`
      }
    }
    return 'src'
  }

  #identified({ protocol, direction, type }: Qualifiers): Predicate {
    switch (type) {
      case 'port':
      case 'portrange':
        return this.#ports(protocol, direction)
      case 'proto':
        return this.#proto(protocol)
      case 'net':
        return this.#net(protocol, direction)
      default:
        return this.#host(protocol, direction)
    }
  }

  #ports(protocol: string | undefined, direction: Direction): Predicate {
    const reader = this.#reader
    const token = reader.take()
    const [from, to] = /^\d+-\d+$/.test(token.text)
      ? token.text.split('-').map(Number)
      : [portOf(token.text), undefined]
    const last = to ?? from
    if (from === undefined || last === undefined || last > 65535) {
      return reader.fail('expected a port number, a range such as 80-90, or a well-known name', token)
    }
    const only = protocol === undefined ? undefined : TRANSPORTS[protocol]
    if (protocol !== undefined && only === undefined) return reader.fail(`"${protocol}" has no ports`, token)
    return is.ports(from, last, direction, only)
  }

  #proto(protocol: string | undefined): Predicate {
    const reader = this.#reader
    reader.accept('\\')
    const token = reader.take()
    if (protocol === 'ether') {
      const type = NETWORKS[token.text] ?? number(token.text)
      return type === undefined ? reader.fail('expected an Ethernet type', token) : is.etherType(type)
    }
    const value = TRANSPORTS[token.text] ?? number(token.text)
    if (value === undefined) return reader.fail('expected a protocol number or name', token)
    return is.transport(value, protocol === undefined ? undefined : NETWORKS[protocol])
  }

  #net(protocol: string | undefined, direction: Direction): Predicate {
    const reader = this.#reader
    const token = reader.take()
    const mask = reader.accept('mask') ? reader.take().text : undefined
    const network = parseNetwork(token.text, mask)
    if (network === undefined) {
      return reader.fail('expected a network such as 10.0.0.0/8, its host bits zero', token)
    }
    return is.network(network, direction, this.#only(protocol))
  }

  #host(protocol: string | undefined, direction: Direction): Predicate {
    const reader = this.#reader
    const token = reader.take()
    if (protocol === 'ether') {
      const mac = parseMac(token.text)
      return mac === undefined ? reader.fail('expected a MAC address', token) : is.station(mac, direction)
    }
    const host = parseHost(token.text)
    if (host === undefined) {
      return reader.fail('expected an address (names are not looked up) or a word of the filter language', token)
    }
    const predicate = is.network(host, direction, this.#only(protocol))
    const only = protocol === undefined ? undefined : TRANSPORTS[protocol]
    return only === undefined ? predicate : (packet) => packet.protocol === only && predicate(packet)
  }

  #only(protocol: string | undefined): number | undefined {
    return protocol === undefined ? undefined : NETWORKS[protocol]
  }
}

function protocolAlone(protocol: string): Predicate {
  const type = NETWORKS[protocol]
  if (type !== undefined) return is.etherType(type)
  const only =
    protocol === 'icmp' || protocol === 'igmp' ? EtherType.IPV4 : protocol === 'icmp6' ? EtherType.IPV6 : undefined
  return is.transport(TRANSPORTS[protocol]!, only)
}

const portOf = (text: string): number | undefined => PORTS[text] ?? number(text)
