import { formatIpv4, type Ipv4Addr, isMulticast } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { UdpEndpoint } from '../udp/endpoint.ts'
import type { Stack } from './stack.ts'

/**
 * Has an endpoint hear what is sent to `group` on `iface`, by default where the routes lead; false when it did already.
 * @throws {NetError} EINVAL when it is no multicast address, ENODEV when there is no interface for it.
 */
export function joinGroup(stack: Stack, { groups }: UdpEndpoint, group: Ipv4Addr, iface?: NetInterface): boolean {
  const on = interfaceFor(stack, group, iface)
  if (groups.some((member) => member.group === group && member.iface === on)) return false
  groups.push({ group, iface: on })
  stack.igmp.join(on, group)
  stack.work()
  return true
}

/** Takes that back; false when it was no member. Throws as `joinGroup`. */
export function leaveGroup(stack: Stack, { groups }: UdpEndpoint, group: Ipv4Addr, iface?: NetInterface): boolean {
  const on = interfaceFor(stack, group, iface)
  const index = groups.findIndex((member) => member.group === group && member.iface === on)
  if (index < 0) return false
  groups.splice(index, 1)
  stack.igmp.leave(on, group)
  stack.work()
  return true
}

function interfaceFor(stack: Stack, group: Ipv4Addr, iface: NetInterface | undefined): NetInterface {
  if (!isMulticast(group)) {
    throw new NetError('EINVAL', `Cannot join ${formatIpv4(group)}: it is not within 224.0.0.0/4`)
  }
  const on = iface ?? stack.ip.route(group)?.iface
  if (on === undefined) throw new NetError('ENODEV', `Cannot join ${formatIpv4(group)}: the stack has no interface`)
  return on
}
