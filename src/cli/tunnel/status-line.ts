import type { TunnelStatus } from '../../tunnel/status.ts'
import { formatRate, plural } from '../units.ts'

/** How it goes, in one line. */
export function statusLine({ mode, sessions, services }: TunnelStatus): string {
  const paths = sessions.flatMap((session) => session.paths)
  const up = paths.filter(({ state }) => state === 'up').length
  const open = services.reduce((all, service) => all + service.open, 0)
  const rate = (key: 'rate_in' | 'rate_out'): string => formatRate(paths.reduce((all, path) => all + path[key], 0))
  const whose = mode === 'server' ? `${plural(sessions.length, 'session')}, ` : ''
  return `${whose}${up} of ${plural(paths.length, 'path')} up, ${open} open; ${rate('rate_in')} in, ${rate('rate_out')} out`
}
