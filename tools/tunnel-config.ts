// docs/tunnel-config.md: every key that a tunnel's configuration may have, from the schemas that read it.
import type { z } from 'zod'
import { CLIENT, CLIENT_SERVICES } from '../src/tunnel/config/client-schema.ts'
import { COMMON, SERVICE_LIMITS } from '../src/tunnel/config/common-schema.ts'
import { aboutOf } from '../src/tunnel/config/key.ts'
import { SERVER, SERVER_SERVICES } from '../src/tunnel/config/server-schema.ts'

type Shape = Readonly<Record<string, z.ZodType>>

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** The mappings that stand below keys with the paths of those, the outer ones first. */
function sectionsOf(shape: Shape, prefix: string): readonly (readonly [path: string, shape: Shape])[] {
  const own = Object.entries(shape).flatMap(([key, schema]) => {
    const section = aboutOf(schema)?.section
    const path = prefix === '' ? key : `${prefix}.${key}`
    return section === undefined ? [] : [[path, section.shape as unknown as Shape] as const]
  })
  return [...own, ...own.flatMap(([path, inner]) => sectionsOf(inner, path))]
}

/** @throws TypeError for a key of which nothing is said */
function table(shape: Shape): string[] {
  const rows = Object.entries(shape).map(([key, schema]) => {
    const about = aboutOf(schema)
    if (about?.expects === undefined) throw new TypeError(`nothing is said of the key ${key}`)
    const fallback = about.fallback ?? '**must be there**'
    return `| \`${key}\` | ${cell(about.expects)} | ${cell(fallback)} | ${cell(about.about)} |`
  })
  return ['| key | takes | default | meaning |', '|---|---|---|---|', ...rows, '']
}

const without = (shape: Shape, ...others: readonly Shape[]): Shape =>
  Object.fromEntries(Object.entries(shape).filter(([key]) => !others.some((other) => Object.hasOwn(other, key))))

/** Tables of what stands below the keys of a shape; one that was shown already is not shown again. */
function sections(shape: Shape, shown: Set<Shape>): string[] {
  return sectionsOf(shape, '').flatMap(([path, inner]) => {
    if (shown.has(inner)) return []
    shown.add(inner)
    return [`### ${path}`, '', ...table(inner)]
  })
}

function services(kinds: Readonly<Record<string, z.ZodObject>>, what: string): string[] {
  return Object.entries(kinds).flatMap(([type, schema]) => {
    const shape = schema.shape as unknown as Shape
    const below = sectionsOf(shape, '').flatMap(([path, inner]) => [
      `#### ${path} of ${what} services of type ${type}`,
      '',
      ...table(inner),
    ])
    return [`### ${what} services of type ${type}`, '', ...table(without(shape, SERVICE_LIMITS)), ...below]
  })
}

const INTRODUCTION = `# The tunnel's configuration

<!-- Made by \`npm run docs\` from the schemas that read the files: src/tunnel/config. -->

A server's file and a client's, in YAML or JSON. \`gotcp tunnel init\` writes both to begin with, \`gotcp tunnel check FILE\`
says what one would do or everything that is wrong with it; [tunnel.md](tunnel.md) tells what it is all for.

- **Mistakes** are named by file, line, column and key, all at once; an unknown key is one, and so is one that is there twice.
- **Names of files** are relative to the file that they stand in.
- **\`\${NAME}\`** in any value is that variable of the environment, and a mistake when there is none; \`$\${\` is a plain \`\${\`.
  Between \`{ }\` and \`[ ]\` YAML wants quotes around it.
- **Sizes** are bytes, with units of 1,024: \`64K\`, \`64M\`, \`1G\`. **Rates** are bits per second, with units of 1,000: \`10M\`,
  \`1Gbit\`. **Quotas** are bytes with units of 1,000, as bills have them: \`10G/month\`. **Times** have a unit, \`500ms\`, \`10s\`,
  \`2m\`, \`1h\`, \`1d\`, or count seconds.
- **Addresses** are \`host:port\`, IPv6 in brackets. To listen, \`*:7000\` is every address of the machine, and port 0 any that is
  free.
- **Lists** of one may leave the brackets out: \`listen: "127.0.0.1:7000"\`.
`

const TARGETS = `## Targets

\`allow\` of a service and \`targets\` of a user are lists of rules of one kind: a host, a colon, and ports. A target must be
meant by a rule of the service, and by one of the user where he has any.

| rule | means |
|---|---|
| \`db.example.org:5432\` | that name and port, as it is asked for; capitals and a dot at the end do not matter |
| \`*.example.org:443\` | every name below \`example.org\`, not that name itself. A star stands nowhere else in a name |
| \`192.0.2.7:80-90\`, \`10.0.0.0/8:*\` | that address or network, and ports from the first to the last, or any |
| \`[2001:db8::1]:80\`, \`[2001:db8::/32]:*\` | the same of IPv6, in brackets |
| \`*:443\`, \`*:*\` | any name and any address that nothing shuts: see \`deny\` |

Rules of addresses say nothing about names, and rules of names nothing about addresses. What a name leads to is looked up once,
and only addresses are connected to that neither \`deny\` nor what is shut by itself (loopback, link-local, metadata) covers.

`

const GOTA = `## Files of Gota

A file that has \`tunnel\`, \`auth\`, \`whiteips\` or \`fastopen\` and neither \`services\`, \`paths\` nor \`users\` is read as one of Gota's,
YAML or JSON (viper's TOML is not). It needs gotcp at both ends: what goes over the wire is ours, encrypted.

| Gota's key | here |
|---|---|
| \`mode\` | the same; without it, what else is said tells which end it is |
| \`log\` | \`debug\`, \`info\`, \`warn\`, \`error\`; \`fatal\` and \`panic\` are \`error\`, anything else \`debug\` |
| \`verbose\` | read, without effect |
| \`auth.username\`, \`auth.password\` | the user and the password, \`gota\` and \`gota\` without them, which is warned of |
| \`listen\` (client) | \`services: [{ name: gota, type: tcp, listen }]\` |
| \`remote\` (server) | \`services: [{ name: gota, type: tcp, connect }]\` |
| \`tunnel[].listen\` (server) | \`listen\` |
| \`tunnel[].remote\`, \`.local\`, \`.proxy\` (client) | \`paths\`; the same remote twice is two paths; \`local\` is \`ip:0\` |
| \`whiteips\` | \`allow\` |
| \`pool.enable\`, \`.count\`, \`.keepalive\` | \`pool\` |
| \`fastopen\` | read, without effect: early data waits for its connection and is never lost |

\`MODE\`, \`LOG\`, \`VERBOSE\`, \`LISTEN\`, \`REMOTE\` and \`FASTOPEN\` in the environment go before the file, as with Gota, and it is
said when they do. Unknown keys are warned of, capitals do not matter, and \`\${\` has no meaning.
`

/** The whole page. */
export function tunnelConfigPage(): string {
  const shown = new Set<Shape>()
  const [server, client, common] = [SERVER.shape, CLIENT.shape, COMMON] as unknown as readonly Shape[]
  const lines = [
    INTRODUCTION,
    '## A server',
    '',
    ...table(without(server!, common!)),
    ...sections(without(server!, common!), shown),
    ...services(SERVER_SERVICES, "a server's"),
    '## A client',
    '',
    ...table(without(client!, common!)),
    ...sections(without(client!, common!), shown),
    ...services(CLIENT_SERVICES, "a client's"),
    '## Both',
    '',
    ...table(common!),
    ...sections(common!, shown),
    '### Every service, at either end',
    '',
    ...table(SERVICE_LIMITS),
    TARGETS + GOTA,
  ]
  return lines.join('\n')
}
