import { EtherType } from '../ethernet.ts'
import { IpProtocol } from '../ipv4.ts'

/** Words for numbers in byte expressions, as libpcap knows them (pcap-filter(7)). */
export const CONSTANTS: Readonly<Record<string, number>> = {
  icmptype: 0,
  icmpcode: 1,
  'icmp-echoreply': 0,
  'icmp-unreach': 3,
  'icmp-sourcequench': 4,
  'icmp-redirect': 5,
  'icmp-echo': 8,
  'icmp-routeradvert': 9,
  'icmp-routersolicit': 10,
  'icmp-timxceed': 11,
  'icmp-paramprob': 12,
  'icmp-tstamp': 13,
  'icmp-tstampreply': 14,
  'icmp-maskreq': 17,
  'icmp-maskreply': 18,
  icmp6type: 0,
  icmp6code: 1,
  'icmp6-echo': 128,
  'icmp6-echoreply': 129,
  'icmp6-routersolicit': 133,
  'icmp6-routeradvert': 134,
  'icmp6-neighborsolicit': 135,
  'icmp6-neighboradvert': 136,
  'icmp6-redirect': 137,
  tcpflags: 13,
  'tcp-fin': 0x01,
  'tcp-syn': 0x02,
  'tcp-rst': 0x04,
  'tcp-push': 0x08,
  'tcp-ack': 0x10,
  'tcp-urg': 0x20,
  'tcp-ece': 0x40,
  'tcp-cwr': 0x80,
}

/** Words that stand for a protocol over IP. */
export const TRANSPORTS: Readonly<Record<string, number>> = {
  icmp: IpProtocol.ICMP,
  igmp: IpProtocol.IGMP,
  tcp: IpProtocol.TCP,
  udp: IpProtocol.UDP,
  icmp6: IpProtocol.ICMPV6,
  sctp: IpProtocol.SCTP,
  esp: IpProtocol.ESP,
  ah: IpProtocol.AH,
  vrrp: IpProtocol.VRRP,
}

/** Words that stand for an Ethernet type. */
export const NETWORKS: Readonly<Record<string, number>> = {
  ip: EtherType.IPV4,
  ip6: EtherType.IPV6,
  arp: EtherType.ARP,
  rarp: EtherType.RARP,
}

/** Ports with a name; other names are for /etc/services to know. */
export const PORTS: Readonly<Record<string, number>> = {
  echo: 7,
  discard: 9,
  ftp: 21,
  ssh: 22,
  telnet: 23,
  smtp: 25,
  domain: 53,
  bootps: 67,
  bootpc: 68,
  tftp: 69,
  http: 80,
  pop3: 110,
  ntp: 123,
  imap: 143,
  snmp: 161,
  https: 443,
  mdns: 5353,
}
