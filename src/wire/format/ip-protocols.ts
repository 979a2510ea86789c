import { IpProtocol } from '../ipv4.ts'
import { Ipv6Extension } from '../ipv6.ts'

/** Names of the protocol field, as tcpdump -v prints them. */
export const IP_PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  [Ipv6Extension.HOP_BY_HOP]: 'Options',
  [IpProtocol.ICMP]: 'ICMP',
  [IpProtocol.IGMP]: 'IGMP',
  [IpProtocol.IPIP]: 'IPIP',
  [IpProtocol.TCP]: 'TCP',
  8: 'EGP',
  9: 'IGRP',
  [IpProtocol.UDP]: 'UDP',
  33: 'DCCP',
  [IpProtocol.IPV6]: 'IPv6',
  [Ipv6Extension.ROUTING]: 'Routing',
  [Ipv6Extension.FRAGMENT]: 'Fragment',
  46: 'RSVP',
  [IpProtocol.GRE]: 'GRE',
  [IpProtocol.ESP]: 'ESP',
  [IpProtocol.AH]: 'AH',
  55: 'Mobile IP',
  [IpProtocol.ICMPV6]: 'ICMPv6',
  88: 'EIGRP',
  [IpProtocol.OSPF]: 'OSPF',
  103: 'PIM',
  108: 'Compressed IP',
  [IpProtocol.VRRP]: 'VRRP',
  113: 'PGM',
  [IpProtocol.SCTP]: 'SCTP',
  135: 'Mobility',
  143: 'Ethernet',
}
