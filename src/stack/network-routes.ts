import type { Cidr, Ipv4Addr } from '../base/address.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { RouteEntry } from '../ip/routes.ts'
import type { Host } from './host.ts'

/** Where a host and a link meet. */
export interface JointEnd {
  readonly host: Host
  readonly iface: NetInterface
  readonly address: Ipv4Addr
}

/** A link, and the network on it. */
export interface Joint {
  readonly network: Cidr
  readonly ends: readonly [JointEnd, JointEnd]
}

/** A host in the graph. */
export interface NetworkNode {
  readonly host: Host
  readonly isRouter: boolean
  readonly joints: Joint[]
  /** The routes it was given, by network. */
  readonly routes: Map<Joint, RouteEntry>
}

/** Gives `node` the first step of the shortest way to every network that it is not on itself; of equals the first made. */
export function updateRoutes(node: NetworkNode, nodes: ReadonlyMap<Host, NetworkNode>): void {
  const table = node.host.stack.ip.routes
  for (const [joint, route] of findRoutes(node, nodes)) {
    const known = node.routes.get(joint)
    if (known !== undefined && known.gateway === route.gateway && known.iface === route.iface) continue
    if (known !== undefined) table.remove(known.destination, known.iface, known.gateway)
    node.routes.set(joint, route)
    table.add(route)
  }
}

function findRoutes(start: NetworkNode, nodes: ReadonlyMap<Host, NetworkNode>): Map<Joint, RouteEntry> {
  const routes = new Map<Joint, RouteEntry>()
  const own = new Set(start.joints)
  const visited = new Set([start])
  /** Hosts to look behind, nearest first, and how they are reached. */
  const frontier: { readonly node: NetworkNode; readonly way?: Pick<RouteEntry, 'gateway' | 'iface'> }[] = [
    { node: start },
  ]
  for (const { node, way } of frontier) {
    for (const joint of node.joints) {
      const [one, other] = joint.ends
      const [near, far] = one.host === node.host ? [one, other] : [other, one]
      if (way !== undefined && !own.has(joint) && !routes.has(joint)) {
        routes.set(joint, { destination: joint.network, metric: 0, ...way })
      }
      const next = nodes.get(far.host)!
      if (visited.has(next) || !next.isRouter) continue
      visited.add(next)
      frontier.push({ node: next, way: way ?? { gateway: far.address, iface: near.iface } })
    }
  }
  return routes
}
