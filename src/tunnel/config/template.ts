/** What a first configuration is made with. */
export interface TemplateOptions {
  readonly user: string
  readonly password: string
}

/** A server's file that works as it stands, on one machine, with the client's of the same options. */
export const serverTemplate = ({
  user,
  password,
}: TemplateOptions): string => `# A gotcp tunnel's server: where paths come in, and where they lead. Every key: docs/tunnel-config.md
mode: server

# Where paths come in. "*:7000" is every address of this machine; 127.0.0.1 is for a first try on one machine.
listen:
  - "127.0.0.1:7000"

# TLS 1.3 is the default, with a certificate that is made at first start. The password proves this server to its clients.
# tls: { certificate: /etc/gotcp/cert.pem, key: /etc/gotcp/key.pem }

# Who may connect. Instead of the password itself: scram, as "gotcp tunnel passwd" prints it.
users:
  - name: ${user}
    password: ${password}
    # services: [web]          # only these
    # max-paths: 4
    # rate: 100M               # bits per second, each way

# From where; without it from everywhere.
# allow: [10.0.0.0/8]

# What clients may open, and where it leads. The names are what the client's file says.
services:
  - name: web
    type: tcp
    connect: "127.0.0.1:8080"
    # pool: { count: 4, keepalive: 30s }   # connections made before they are needed
    # proxy-protocol: v2                   # tell the backend who it is
  # - { name: dns, type: udp, connect: "127.0.0.1:53" }
  # - { name: any, type: proxy, allow: ["*.example.org:443"] }   # for the client's socks5 and http listeners

log: info
# metrics: 127.0.0.1:9100      # Prometheus
`

/** A client's file that works as it stands, on one machine, with the server's of the same options. */
export const clientTemplate = ({
  user,
  password,
}: TemplateOptions): string => `# A gotcp tunnel's client: where programs connect to, and the paths to the server. Every key: docs/tunnel-config.md
mode: client

# Who we are, as the server's file has it. password-file: NAME keeps the password out of here.
user: ${user}
password: ${password}

# How the server is known. Without it: it proves the password on this very connection, which nobody in between can; then its
# certificate is remembered, and no other one is taken for it.
# trust: { fingerprint: "sha256:..." }
# trust: { ca: /etc/ssl/certs/ca-certificates.crt, name: vpn.example.org }

# The ways to the server. They add up, and any of them may fail.
paths:
  - name: line
    remote: "127.0.0.1:7000"
    connections: 2             # side by side, for a provider that limits each
  # - { name: lte, remote: "vpn.example.org:7000", interface: wwan0, role: backup, quota: 10G/month }
  # - { name: relay, remote: "vpn.example.org:7000", proxy: "socks5://user:password@proxy.example.org:1080" }

# Where programs on this side connect to. The names are those of the server's services.
services:
  - name: web
    type: tcp
    listen: "127.0.0.1:8088"
  # - { name: dns, type: udp, listen: "127.0.0.1:5353" }
  # - { name: any, type: socks5, listen: "127.0.0.1:1080" }

# aggregate adds paths up, redundant sends everything on each, min-latency takes the quickest; see docs/tunnel.md
scheduler: aggregate

log: info
`
