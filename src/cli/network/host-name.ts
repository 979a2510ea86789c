import { lookup } from 'node:dns/promises'
import { type Ipv4Addr, parseIpv4 } from '../../base/address.ts'
import { UsageError } from '../exit.ts'
import type { Kind } from '../kind.ts'

/** An address or a name; what it stands for is found out by `resolveHost`. */
export const HOST: Kind<string> = {
  placeholder: 'HOST',
  expects: 'an IPv4 address such as 172.20.0.3, or a name',
  parse: (text) =>
    /^[\w.-]{1,253}$/.test(text) && !(parseIpv4(text) === undefined && /^[\d.]+$/.test(text)) ? text : undefined,
}

/** The IPv4 address of a host; names are looked up as every other program on this machine does. @throws UsageError */
export async function resolveHost(name: string): Promise<Ipv4Addr> {
  const given = parseIpv4(name)
  if (given !== undefined) return given
  try {
    return parseIpv4((await lookup(name, 4)).address) as Ipv4Addr
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'no answer'
    throw new UsageError(`cannot find the IPv4 address of "${name}" (${code})`, 'give the address itself')
  }
}
