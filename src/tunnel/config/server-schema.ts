import { z } from 'zod'
import { MAX_PATHS } from '../../session/limits.ts'
import { COMMON, SERVICE_LIMITS } from './common-schema.ts'
import { byType, defaulted, described, type Kind, listOf, mapping, mappingOr, optional, required, word } from './key.ts'
import {
  choice,
  didYouMean,
  endpoint,
  FALSE,
  FILE,
  integer,
  listen,
  NAME,
  NETWORK,
  PATTERN,
  RATE,
  remote,
  SCRAM,
  TARGET,
  TEXT,
  time,
} from './kinds.ts'
import { textOf } from './scalar.ts'

const LISTEN = listen('0.0.0.0:7000')
const TLS_FALSE: Kind<false> = {
  ...FALSE,
  fix: (value) => (/^(true|yes|on)$/i.test(textOf(value)) ? 'leave the key out: TLS is the default' : undefined),
}

const SERVER_TLS = mapping({
  certificate: optional(FILE, 'one of our own, made at first start and kept in `state`', 'Certificate chain, PEM.'),
  key: optional(FILE, 'goes with `certificate`', 'Its private key, PEM.'),
  'client-ca': optional(FILE, 'none is asked for', 'Clients must also show a certificate of this authority (PEM).'),
})

const serverTls = (about: string, fallback: string) =>
  described(mappingOr(SERVER_TLS, TLS_FALSE).optional(), {
    about,
    fallback,
    expects: 'a mapping, or false: in the clear, for links that you trust',
    section: SERVER_TLS,
  })

const LISTENER = mapping({
  address: required(LISTEN, 'Where to listen; `*:7000` is every address of this machine.'),
  tls: serverTls('As `tls` of the server, for this address only.', "the server's"),
})

const POOL = mapping({
  count: required(integer(1, 1000), 'How many connections to the backend are kept ready.'),
  keepalive: defaulted(time('0', '1d'), '0', 'When an unused one is replaced by a new one; 0 is never.'),
})

const SERVICE_NAME = required(NAME, 'What clients call it.')
const CONNECT_TIMEOUT = defaulted(time('100ms', '5m'), '10s', 'How long a connection to the target may take.')

const TCP = mapping({
  name: SERVICE_NAME,
  type: word('tcp', 'The kind of service.'),
  connect: required(endpoint(remote('127.0.0.1:80')), 'Where the streams lead.'),
  'connect-timeout': CONNECT_TIMEOUT,
  pool: described(POOL.optional(), {
    about: 'Connections to the backend that are made before they are needed.',
    fallback: 'none',
    expects: 'a mapping',
    section: POOL,
  }),
  'proxy-protocol': optional(
    choice('v1', 'v2'),
    'none',
    "The PROXY protocol header that tells the backend the client's address.",
  ),
  ...SERVICE_LIMITS,
})

const deny = described(listOf(required(NETWORK, 'A network.')).default([]), {
  about:
    'Networks that nothing leads to, whatever `allow` says. Loopback, link-local and the addresses of metadata services are ' +
    'shut by themselves, unless `allow` names them.',
  fallback: 'none',
  expects: 'a list of networks such as 10.0.0.0/8, or addresses',
})

const UDP = mapping({
  name: SERVICE_NAME,
  type: word('udp', 'The kind of service.'),
  connect: optional(remote('127.0.0.1:53'), 'the client says where, within `allow`', 'Where the datagrams go.'),
  allow: described(listOf(required(TARGET, 'A target.')).default([]), {
    about: 'Targets that a client may ask for, where `connect` is not given.',
    fallback: 'none',
    expects: `a list of ${TARGET.expects}`,
  }),
  deny,
  idle: defaulted(time('1s', '1d'), '60s', 'How long a flow may be silent.'),
  'max-streams': optional(integer(1, 1_000_000), '4096', 'Flows at once, of all users; more are refused.'),
  rate: SERVICE_LIMITS.rate,
})

const PROXY = mapping({
  name: SERVICE_NAME,
  type: word('proxy', 'The kind of service.'),
  allow: described(z.array(required(TARGET, 'A target.')), {
    about: "Targets that the client's `socks5` and `http` listeners may ask for; everything else is refused.",
    expects: `a list of ${TARGET.expects}`,
  }),
  deny,
  'connect-timeout': CONNECT_TIMEOUT,
  ...SERVICE_LIMITS,
})

const BENCH = mapping({
  name: SERVICE_NAME,
  type: word('bench', 'The kind of service: it leads nowhere, and lets `gotcp tunnel bench` measure.'),
  'max-streams': SERVICE_LIMITS['max-streams'],
})

/** The kinds of services of a server by type. */
export const SERVER_SERVICES = { tcp: TCP, udp: UDP, proxy: PROXY, bench: BENCH } as const

const USER = mapping({
  name: required(TEXT, 'What the client calls itself.'),
  password: optional(TEXT, 'one of the three', 'The password.'),
  'password-file': optional(FILE, 'one of the three', 'A file that holds nothing but the password.'),
  scram: optional(
    SCRAM,
    'one of the three',
    'What proves the password without telling it; `gotcp tunnel passwd` prints it.',
  ),
  services: described(listOf(required(PATTERN, 'A service.')).optional(), {
    about: 'The services that this user may open; `*` and `?` stand for other letters.',
    fallback: 'all',
    expects: 'a list of names',
  }),
  targets: described(listOf(required(TARGET, 'A target.')).optional(), {
    about: 'Where this user may let a `proxy` or `udp` service lead, within what the service allows.',
    fallback: 'wherever the service allows',
    expects: `a list of ${TARGET.expects}`,
  }),
  'max-sessions': optional(integer(1, 100_000), "the server's", 'Clients with this name at once.'),
  'max-paths': optional(integer(1, 64), "the server's", 'Paths of one session.'),
  'max-streams': optional(integer(1, 1_000_000), "the server's", 'Streams and flows of one session.'),
  rate: optional(RATE, 'unlimited', 'Bits per second of one session, each way.'),
})

/** A users-file: a list of users. */
export const USERS = z.array(USER)

const LIMITS = mapping({
  'half-open': defaulted(integer(1, 100_000), 1024, 'Connections that have not proven who they are, at once.'),
  'half-open-per-address': defaulted(integer(1, 100_000), 32, 'The same from one address.'),
  'handshake-timeout': defaulted(time('100ms', '5m'), '5s', 'How long they have for it.'),
  'connection-rate': defaulted(integer(1, 100_000), 20, 'Connections from one address a second, in the long run.'),
  'connection-burst': defaulted(integer(1, 1_000_000), 200, 'The same at once, after a pause.'),
  'ban-after': defaulted(integer(1, 1000), 5, 'Wrong passwords from one address before it is banned.'),
  'ban-for': defaulted(time('1s', '1h'), '10s', 'The first ban; each further one is twice as long, to an hour.'),
  'max-sessions': defaulted(integer(1, 1_000_000), 4096, 'Clients at once.'),
  'max-sessions-per-user': defaulted(integer(1, 1_000_000), 64, 'Clients of one name at once.'),
  'max-paths': defaulted(integer(1, 64), MAX_PATHS, 'Paths of one session.'),
  'max-streams': defaulted(integer(1, 1_000_000), 10_000, 'Streams and flows of one session.'),
})

const SERVICE_TYPE: Kind<string> = {
  ...choice('tcp', 'udp', 'proxy', 'bench'),
  fix: (value) =>
    ['socks5', 'socks', 'http'].includes(textOf(value))
      ? 'a client listens so; at the server that is type: proxy'
      : didYouMean(textOf(value), ['tcp', 'udp', 'proxy', 'bench']),
}

/** A server's file. */
export const SERVER = mapping({
  mode: word('server', 'Which end this is.'),
  listen: described(listOf(mappingOr(LISTENER, LISTEN)), {
    about: 'Where paths come in: addresses, or mappings.',
    expects: `a list of ${LISTEN.expects}`,
    section: LISTENER,
  }),
  tls: serverTls('How paths are encrypted: TLS 1.3.', 'a certificate of our own, made at first start'),
  users: described(USERS.default([]), {
    about: 'Who may connect.',
    fallback: 'those of `users-file`',
    expects: 'a list of mappings',
    section: USER,
  }),
  'users-file': optional(FILE, 'none', 'A file of its own with a list of users; it can be kept from other eyes.'),
  allow: described(listOf(required(NETWORK, 'A network.')).default([]), {
    about: 'The addresses that paths may come from.',
    fallback: 'all',
    expects: 'a list of networks such as 10.0.0.0/8, or addresses',
  }),
  services: described(z.array(byType(SERVER_SERVICES, SERVICE_TYPE)), {
    about: 'What clients may open, and where it leads.',
    expects: 'a list of mappings',
  }),
  limits: described(LIMITS.default(LIMITS.parse({})), {
    about: 'What strangers and all users together may use up.',
    fallback: 'see below',
    expects: 'a mapping',
    section: LIMITS,
  }),
  ...COMMON,
})
