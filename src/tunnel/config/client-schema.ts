import { z } from 'zod'
import { ROLES } from '../../session/records/frame.ts'
import { COMMON, SERVICE_LIMITS } from './common-schema.ts'
import { byType, defaulted, described, type Kind, listOf, mapping, optional, required, word } from './key.ts'
import {
  BOOLEAN,
  choice,
  didYouMean,
  endpoint,
  FILE,
  FINGERPRINT,
  INTERFACE,
  INTERFACE_ADDRESS,
  IP,
  IPV4,
  integer,
  listen,
  NAME,
  PROXY,
  QUOTA,
  RATE,
  remote,
  TEXT,
  time,
  WEIGHT,
} from './kinds.ts'
import { textOf } from './scalar.ts'

const TRUST = mapping({
  fingerprint: described(listOf(required(FINGERPRINT, 'A fingerprint.')).optional(), {
    about: 'The SHA-256 of the certificate that the server must show, or several.',
    fallback: 'one of the two',
    expects: FINGERPRINT.expects,
  }),
  ca: optional(FILE, 'one of the two', 'The authority (PEM) that must have signed it.'),
  name: optional(TEXT, "the remote's host", 'The name that the certificate must be for; with `ca`.'),
})

const CERTIFICATE = mapping({
  certificate: required(FILE, 'Certificate chain, PEM.'),
  key: required(FILE, 'Its private key, PEM.'),
})

const VIA = mapping({
  interface: required(INTERFACE, 'The interface that our own stack uses.'),
  ip: required(INTERFACE_ADDRESS, "Our address there: one that nobody else has, or the kernel's own."),
  gateway: optional(IPV4, 'none: the remote is on the link', 'The router on that link.'),
})

const PATH = mapping({
  name: optional(NAME, '`path-1`, `path-2` …', 'What status and logs call it.'),
  remote: required(remote('vpn.example.org:7000'), 'Where the server listens; names are looked up again each time.'),
  connections: defaulted(
    integer(1, 16),
    1,
    'Connections side by side, for providers that limit each: `NAME-1`, `NAME-2` …, which share `rate`, `quota` and `weight`.',
  ),
  local: optional(IP, 'whatever the routing table says', 'The address to connect from.'),
  interface: optional(
    INTERFACE,
    'whatever the routing table says',
    'The interface to connect through (SO_BINDTODEVICE).',
  ),
  via: described(VIA.optional(), {
    about: "Our own TCP/IP stack on an interface instead of the kernel's: no routing table takes part.",
    fallback: 'the kernel',
    expects: 'a mapping',
    section: VIA,
  }),
  proxy: optional(PROXY, 'none', 'What to go through; `tcp://` is a redirector that leads to the server by itself.'),
  'proxy-ca': optional(
    FILE,
    "the system's",
    'The authorities (PEM) of which the certificate of an `https://` proxy may be.',
  ),
  tls: defaulted(BOOLEAN, true, 'False: in the clear, for links that you trust; the server must listen so, too.'),
  role: defaulted(
    choice(...ROLES),
    'primary',
    '`secondary` carries what the primary ones cannot, `backup` only when there are no others, `never` nothing.',
  ),
  weight: defaulted(WEIGHT, 1, 'Its share with `scheduler: weighted`.'),
  quota: optional(QUOTA, 'unlimited', 'What it may carry, both ways, a month or a day (UTC); then it is a backup.'),
  rate: optional(RATE, 'unlimited', 'Bits per second that we send on it, at most.'),
  'connect-timeout': defaulted(time('100ms', '5m'), '10s', 'How long a connection, proxy and TLS included, may take.'),
})

const SERVICE = {
  name: required(NAME, 'What it is called, here and at the server.'),
  service: optional(NAME, 'the same as `name`', "The service's name at the server, where it differs."),
}
const target = (about: string) => optional(remote('db.example.org:5432'), "the server's `connect`", about)

const TCP = mapping({
  ...SERVICE,
  type: word('tcp', 'The kind of service.'),
  listen: required(endpoint(listen('127.0.0.1:8080')), 'Where programs connect to.'),
  target: target('Where it is to lead, if the service is a `proxy` at the server and allows it.'),
  ...SERVICE_LIMITS,
})

const UDP = mapping({
  ...SERVICE,
  type: word('udp', 'The kind of service.'),
  listen: required(listen('127.0.0.1:5353'), 'Where datagrams are taken. Each source has a flow of its own.'),
  target: target('Where it is to lead, if the service allows it (`allow`).'),
  idle: defaulted(time('1s', '1d'), '60s', 'How long a flow may be silent.'),
  'max-streams': optional(integer(1, 1_000_000), '1024', 'Flows at once; the one that was silent longest gives way.'),
  rate: SERVICE_LIMITS.rate,
})

const proxyListener = (type: 'socks5' | 'http') =>
  mapping({
    ...SERVICE,
    type: word(type, 'The kind of service.'),
    listen: required(endpoint(listen('127.0.0.1:1080')), 'Where programs find the proxy.'),
    ...SERVICE_LIMITS,
  })

/** The kinds of services of a client by type. */
export const CLIENT_SERVICES = {
  tcp: TCP,
  udp: UDP,
  socks5: proxyListener('socks5'),
  http: proxyListener('http'),
} as const

const TYPES = Object.keys(CLIENT_SERVICES)
const SERVICE_TYPE: Kind<string> = {
  ...choice(...TYPES),
  fix: (value) =>
    value === 'proxy'
      ? 'at the client it is socks5 or http'
      : value === 'socks'
        ? 'write socks5'
        : didYouMean(textOf(value), TYPES),
}

/** A client's file. */
export const CLIENT = mapping({
  mode: word('client', 'Which end this is.'),
  user: required(TEXT, 'Who we are, as the server has it in `users`.'),
  password: optional(TEXT, 'one of the two', 'The password.'),
  'password-file': optional(FILE, 'one of the two', 'A file that holds nothing but the password.'),
  trust: described(TRUST.optional(), {
    about: 'How we know the server.',
    fallback:
      'it proves that it knows the password, bound to this very TLS connection; from then on its certificate is remembered in ' +
      '`state`, and whoever shows another one there gets no login',
    expects: 'a mapping',
    section: TRUST,
  }),
  certificate: described(CERTIFICATE.optional(), {
    about: 'What we show to a server that wants certificates (`client-ca`).',
    fallback: 'none',
    expects: 'a mapping',
    section: CERTIFICATE,
  }),
  paths: described(z.array(PATH), {
    about: 'The ways to the server; as many as you like, up to 16 connections by default.',
    expects: 'a list of mappings',
    section: PATH,
  }),
  services: described(z.array(byType(CLIENT_SERVICES, SERVICE_TYPE)), {
    about: 'Where programs on this side connect to.',
    expects: 'a list of mappings',
  }),
  ...COMMON,
})
