import { SCHEDULER_NAMES } from '../../session/schedulers/by-name.ts'
import type { HostPort } from '../../transport/host-port.ts'
import { defaulted, described, type Kind, mapping, mappingOr, optional } from './key.ts'
import { bytes, choice, FILE, integer, listen, NAME, RATE, time } from './kinds.ts'
import { LOG_LEVELS } from './types.ts'

const LEVEL = choice(...LOG_LEVELS)

const LOG = mapping({
  level: defaulted(LEVEL, 'info', 'The least that is worth a line.'),
  file: optional(FILE, 'stderr', 'Where the lines go. It is opened again on SIGHUP.'),
  format: defaulted(choice('text', 'json'), 'text', 'Lines for people, or one JSON object a line.'),
})

const PING = mapping({
  active: defaulted(time('100ms', '1h'), '1s', 'While streams are open.'),
  idle: defaulted(time('100ms', '1h'), '15s', 'While none is. Many routers forget a connection after 30 s of silence.'),
})

const fileOrFalse: Kind<string | false> = {
  expects: 'a file name, or false',
  parse: (value) => (value === false ? false : FILE.parse(value)),
}

const METRICS_LISTEN = listen('127.0.0.1:9100')
const metrics: Kind<HostPort | false> = {
  ...METRICS_LISTEN,
  expects: `${METRICS_LISTEN.expects}, or false`,
  parse: (value) => (value === false ? false : METRICS_LISTEN.parse(value)),
}

/** What both ends may say. */
export const COMMON = {
  name: optional(
    NAME,
    "the file's name without its ending",
    'What this daemon is called: its control socket and what it keeps carry the name.',
  ),
  log: described(mappingOr(LOG, LEVEL).optional(), {
    about: 'What is logged: a level, or a mapping.',
    fallback: '`info`',
    expects: `${LEVEL.expects}, or a mapping`,
    section: LOG,
  }),
  control: optional(
    fileOrFalse,
    '`NAME.sock` in `$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR/gotcp`, `/run/gotcp` (as root) or `state`',
    'The Unix socket that `gotcp tunnel status`, `paths`, `reload` and `stop` talk to; false is none.',
  ),
  metrics: optional(
    metrics,
    'off',
    "Where Prometheus finds `/metrics`, and a supervisor `/health`. Keep it on this machine's own address.",
  ),
  state: optional(
    FILE,
    '`$STATE_DIRECTORY`, `$XDG_STATE_HOME/gotcp`, `~/.local/state/gotcp`, or `gotcp-state` beside the file',
    'The folder of what outlives the process: the certificate that was made, those that servers showed, what of a quota is used.',
  ),
  window: defaulted(
    bytes('256K', '1G'),
    '64M',
    'Bytes of a session on their way to us, at most; grows to that when it helps.',
  ),
  'stream-window': defaulted(bytes('64K', '1G'), '16M', 'The same for one stream.'),
  budget: defaulted(bytes('16M', '64G'), '256M', 'The memory of all windows of this process together.'),
  scheduler: defaulted(choice(...SCHEDULER_NAMES), 'aggregate', 'Which path carries what we send next.'),
  freeze: defaulted(time('0', '1h'), '2m', 'How long streams wait for a path when all are gone.'),
  ping: described(PING.default(PING.parse({})), {
    about: 'How often a path is asked whether it lives.',
    fallback: 'see below',
    expects: 'a mapping',
    section: PING,
  }),
  drain: defaulted(time('0', '1h'), '10s', 'How long open streams may go on after SIGTERM or `gotcp tunnel stop`.'),
}

/** What every service may say. */
export const SERVICE_LIMITS = {
  'max-streams': optional(
    integer(1, 1_000_000),
    'as many as the sessions may have',
    'Streams (or flows of datagrams) of this service at once.',
  ),
  rate: optional(
    RATE,
    'unlimited',
    'Bits per second of all its streams and flows together, each way. Streams wait their turn; datagrams beyond are dropped.',
  ),
}
