import type { PathRole } from '../../session/records/frame.ts'
import type { SchedulerName } from '../../session/schedulers/by-name.ts'
import type { Endpoint } from '../../transport/endpoint.ts'
import type { HostPort } from '../../transport/host-port.ts'
import type { PathProxy } from '../../transport/proxy.ts'
import type { Via } from '../../transport/via.ts'

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogConfig {
  readonly level: LogLevel
  /** Absolute; stderr when undefined. */
  readonly file: string | undefined
  readonly format: 'text' | 'json'
}

/** What both ends have. All times are milliseconds, sizes bytes, rates bits per second, file names absolute. */
export interface CommonConfig {
  /** The name of this daemon: of its control socket and of what it keeps in `state`. */
  readonly name: string
  /** Where this was read. */
  readonly file: string
  readonly log: LogConfig
  /** The control socket; undefined where none is wanted. */
  readonly control: string | undefined
  /** Where Prometheus's `/metrics` and `/health` are listened for; undefined where they are not. */
  readonly metrics: HostPort | undefined
  /** The folder of what is to outlive the process. */
  readonly state: string
  /** The receive window of a session, at most. */
  readonly window: number
  /** The receive window of a stream, at most. */
  readonly streamWindow: number
  /** The memory of all windows of this process together. */
  readonly budget: number
  readonly scheduler: SchedulerName
  /** How long streams wait when all paths are gone. */
  readonly freeze: number
  readonly ping: PingConfig
  /** How long open streams may go on after the daemon was asked to end. */
  readonly drain: number
  /** What is allowed, but deserves to be said aloud. */
  readonly warnings: readonly string[]
}

/** How often a path is asked whether it lives. */
export interface PingConfig {
  /** While streams are open. */
  readonly active: number
  /** While none is. */
  readonly idle: number
}

/** Files of a certificate and its key, PEM. */
export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
}

/** How a listener encrypts; `certificate: undefined` is one of our own, made at first start and kept in `state`. */
export interface ListenerTls {
  readonly certificate: CertificateFiles | undefined
  /** Clients must show a certificate of this authority (PEM). */
  readonly clientCa: string | undefined
}

/** Where paths come in. */
export interface ListenerConfig extends HostPort {
  /** False: in the clear, for trusted links. */
  readonly tls: ListenerTls | false
}

/** Who may connect, and what for. Undefined is: no limit of its own. */
export interface UserConfig {
  readonly name: string
  /** The password itself, or what proves it: `SCRAM-SHA-256$…`. */
  readonly secret: { readonly password: string } | { readonly scram: string }
  /** The services that this user may open, with `*` and `?`; undefined is all. */
  readonly services: readonly string[] | undefined
  /** Where what lets the client choose may lead for this user; undefined is wherever the service allows. */
  readonly targets: readonly string[] | undefined
  readonly maxSessions: number | undefined
  readonly maxPaths: number | undefined
  readonly maxStreams: number | undefined
  readonly rate: number | undefined
}

/** What strangers and all users together may use up. */
export interface ServerLimits {
  /** Connections that have not proven themselves yet, at once. */
  readonly halfOpen: number
  /** The same from one address. */
  readonly halfOpenPerAddress: number
  /** How long they have for it. */
  readonly handshakeTimeout: number
  /** Connections of one address a second, in the long run, and at once after a pause. */
  readonly connectionRate: number
  readonly connectionBurst: number
  /** Wrong passwords of one address before it is banned. */
  readonly banAfter: number
  /** The first ban; each further one is twice as long, to an hour. */
  readonly banFor: number
  readonly maxSessions: number
  /** Of one user, where his own limit does not say otherwise. */
  readonly maxSessionsPerUser: number
  /** Of one session. */
  readonly maxPaths: number
  /** Streams and flows of one session. */
  readonly maxStreams: number
}

/** Connections to the backend that are made before they are needed. */
export interface PoolConfig {
  readonly count: number
  /** When an unused one is replaced; 0 is never. */
  readonly keepalive: number
}

interface Service {
  readonly name: string
  /** Streams or flows of this service at once, of all users; undefined is: as many as the sessions may have. */
  readonly maxStreams: number | undefined
  /** Bits per second of all of them together, each way. */
  readonly rate: number | undefined
}

export interface TcpConnectService extends Service {
  readonly type: 'tcp'
  readonly connect: Endpoint
  readonly connectTimeout: number
  readonly pool: PoolConfig | undefined
  /** The PROXY protocol header that the backend is sent first. */
  readonly proxyProtocol: 'v1' | 'v2' | undefined
}

export interface UdpConnectService extends Service {
  readonly type: 'udp'
  /** Where datagrams go; undefined: where the client says, if `allow` has it. */
  readonly connect: HostPort | undefined
  /** As `parseTargetRule` reads them. */
  readonly allow: readonly string[]
  /** Networks that nothing leads to, whatever `allow` says. */
  readonly deny: readonly string[]
  /** How long a flow may be silent. */
  readonly idle: number
}

/** Targets that the client's socks5 and http listeners ask for. */
export interface ProxyService extends Service {
  readonly type: 'proxy'
  /** As `parseTargetRule` reads them. */
  readonly allow: readonly string[]
  /** Networks that nothing leads to, whatever `allow` says. */
  readonly deny: readonly string[]
  readonly connectTimeout: number
}

/** Measures the tunnel itself, for `gotcp tunnel bench`. */
export interface BenchService extends Service {
  readonly type: 'bench'
}

export type ServerService = TcpConnectService | UdpConnectService | ProxyService | BenchService

interface ListeningService extends Service {
  /** The service's name at the server. */
  readonly service: string
}

export interface TcpListenService extends ListeningService {
  readonly type: 'tcp'
  readonly listen: Endpoint
  /** What the server is to connect to, where its service lets us choose; else empty. */
  readonly target: string
}

export interface UdpListenService extends ListeningService {
  readonly type: 'udp'
  readonly listen: HostPort
  readonly target: string
  /** How long a flow may be silent. */
  readonly idle: number
}

/** A proxy for programs on this side: SOCKS5, or HTTP CONNECT. */
export interface ProxyListenService extends ListeningService {
  readonly type: 'socks5' | 'http'
  readonly listen: Endpoint
}

export type ClientService = TcpListenService | UdpListenService | ProxyListenService

/**
 * How a client knows the server. `password`: SCRAM, bound to the channel, proves it, whatever its certificate; the one that it
 * showed then is remembered (`KnownServers`).
 */
export type TrustConfig =
  | { readonly by: 'password' }
  /** Any of these; `sha256:` and 64 hexadecimal digits, of the certificate (DER). */
  | { readonly by: 'fingerprint'; readonly fingerprints: readonly string[] }
  /** A certificate of this authority (PEM) for that name; undefined is the name it was called by. */
  | { readonly by: 'ca'; readonly ca: string; readonly name: string | undefined }

/** What a path may carry until the day or the month is over (UTC). */
export interface QuotaConfig {
  readonly bytes: number
  readonly period: 'day' | 'month'
}

/** One connection to the server. */
export interface PathConfig {
  readonly name: string
  readonly remote: HostPort
  /** The address to connect from. */
  readonly local: string | undefined
  /** The interface to connect through. */
  readonly interface: string | undefined
  /** What stands between us and the other end. */
  readonly proxy: PathProxy | undefined
  /** Authorities (PEM) for the certificate of an HTTPS proxy; undefined is the system's. */
  readonly proxyCa: string | undefined
  /** Our own stack on an interface, instead of the kernel's. */
  readonly via: Via | undefined
  readonly tls: boolean
  readonly role: PathRole
  /** For `scheduler: weighted`. */
  readonly weight: number
  readonly quota: QuotaConfig | undefined
  readonly rate: number | undefined
  readonly connectTimeout: number
}

export interface ServerConfig extends CommonConfig {
  readonly mode: 'server'
  readonly listeners: readonly ListenerConfig[]
  readonly users: readonly UserConfig[]
  /** Networks that paths are taken from, as `AllowList` takes them; empty is all. */
  readonly allow: readonly string[]
  readonly limits: ServerLimits
  readonly services: readonly ServerService[]
}

export interface ClientConfig extends CommonConfig {
  readonly mode: 'client'
  readonly user: string
  readonly password: string
  readonly trust: TrustConfig
  /** The certificate that the client shows, where the server wants one. */
  readonly certificate: CertificateFiles | undefined
  readonly paths: readonly PathConfig[]
  readonly services: readonly ClientService[]
}

/** A whole, checked configuration, frozen through and through. */
export type TunnelConfig = ServerConfig | ClientConfig
