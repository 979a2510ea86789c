import { BlockList, isIP } from 'node:net'
import { plainAddress } from './ip.ts'

/** Addresses and networks that may come in: `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`. */
export class AllowList {
  readonly #networks = new BlockList()
  readonly #isEmpty: boolean

  /** Without any, everybody may. @throws {RangeError} that names the first which is no address and no network. */
  constructor(networks: readonly string[]) {
    for (const text of networks) this.#add(text)
    this.#isEmpty = networks.length === 0
  }

  has(address: string): boolean {
    const plain = plainAddress(address).replace(/%.*$/, '')
    return this.#isEmpty || this.#networks.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6')
  }

  #add(text: string): void {
    const [address = '', prefix, ...rest] = text.split('/')
    const family = isIP(address)
    const most = family === 4 ? 32 : 128
    const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= most)
    if (family === 0 || !isPrefix || rest.length > 0) {
      throw new RangeError(`Cannot allow "${text}": it is no address and no network such as 10.0.0.0/8`)
    }
    this.#networks.addSubnet(address, prefix === undefined ? most : Number(prefix), family === 4 ? 'ipv4' : 'ipv6')
  }
}
