import type { Socket } from 'node:net'
import { formatIpv4, parseCidr, parseIpv4 } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import { createStack } from '../driver/create-stack.ts'
import { findInterface, listInterfaces } from '../driver/interfaces.ts'
import { openPacketLink } from '../driver/packet.ts'
import { createNet, type Net } from '../net/create-net.ts'

/** A TCP/IP stack of our own on an interface of this machine, in place of the kernel's: no routing table has a say. */
export interface Via {
  /** An interface that carries Ethernet or IP and is up. */
  readonly interface: string
  /** Our address there, `10.0.0.9/24`: the kernel's own, or one that nobody else has. */
  readonly ip: string
  /** The router for all that is not in that network. */
  readonly gateway?: string | undefined
}

export interface ViaConnect {
  readonly host: string
  readonly port: number
  readonly allowHalfOpen: boolean
  readonly noDelay: boolean
}

/** What the last acknowledgements of the last connection may need, in milliseconds. */
const LINGER = 1000

interface SharedStack {
  readonly net: Net
  close(): void
  /** Sockets that are open, or about to be. */
  users: number
  timer: NodeJS.Timeout | undefined
}

const stacks = new Map<string, SharedStack>()

/**
 * As node:net's `connect` to an address, by a stack of our own. All that go the same way share one: it is opened for the
 * first and closed after the last. Needs CAP_NET_RAW.
 * @throws {NetError} EINVAL, ENODEV, ENETDOWN, EPERM, EADDRINUSE, ERR_ADDON_MISSING
 */
export function connectVia(via: Via, options: ViaConnect): Socket {
  const key = JSON.stringify([via.interface, via.ip, via.gateway])
  const stack = stacks.get(key) ?? open(via, key)
  clearTimeout(stack.timer)
  stack.users++
  const socket = stack.net.connect(options)
  socket.once('close', () => {
    if (--stack.users === 0) stack.timer = setTimeout(stack.close, LINGER)
  })
  return socket
}

function open(via: Via, key: string): SharedStack {
  const { address, gateway } = checked(via)
  const facts = findInterface(via.interface)
  const holder = listInterfaces().find((each) => each.addresses.some(({ addr }) => addr === address.addr))
  if (holder !== undefined && holder.name !== facts.name) {
    const why = `${formatIpv4(address.addr)} is the address of ${holder.name} on this machine. Choose another ip`
    throw new NetError('EADDRINUSE', `Cannot go by ${facts.name}: ${why}`)
  }
  const link = openPacketLink({ interface: facts.name, addresses: [address] })
  const host = createStack()
  const forget = (): void => {
    if (stacks.get(key) === stack) stacks.delete(key)
  }
  const close = (): void => {
    forget()
    host.close()
  }
  const stack: SharedStack = { net: createNet(host), close, users: 0, timer: undefined }
  // An interface that is down may come up again; one that is gone may come back as another.
  host.stack.onInterfaceError = (_, { code }) => {
    if (code !== 'ENETDOWN') forget()
  }
  try {
    host.addInterface(link, {
      address: via.ip,
      shared: holder !== undefined,
      ...(gateway === undefined ? {} : { gateway }),
    })
  } catch (error) {
    link.close()
    host.close()
    throw error
  }
  stacks.set(key, stack)
  return stack
}

function checked({ ip, gateway }: Via) {
  const address = parseCidr(ip)
  if (address === undefined) throw new NetError('EINVAL', `Cannot use "${ip}" as our address: write it as 10.0.0.9/24`)
  if (gateway !== undefined && parseIpv4(gateway) === undefined) {
    throw new NetError('EINVAL', `Cannot use "${gateway}" as the gateway: it is no IPv4 address`)
  }
  return { address, gateway }
}
