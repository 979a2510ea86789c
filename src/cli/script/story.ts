import type { ProbeEvent } from '../../base/probe.ts'
import { formatElapsed, PacketLog } from '../../script/packet-log.ts'
import type { RunOptions } from '../../script/run-script.ts'

/** What `runScript` tells on its way. */
type Watcher = Required<Pick<RunOptions, 'probe' | 'onPacket' | 'onEvent'>>

/**
 * Tells a script as it runs, a line for each thing with its time: `#` what the script says, `<` a packet of its, `>` one
 * of the stack, `=` a change of state, `!` a timer.
 */
export function storyOf(text: string, say: (line: string) => void): Watcher {
  const source = text.split('\n')
  const packets = new PacketLog(0)
  return {
    onEvent: ({ line }, elapsed) => say(`${formatElapsed(elapsed)} # ${line}: ${source[line - 1]?.trim()}`),
    onPacket: (packet, elapsed) => say(packets.line(packet, elapsed)),
    probe: (event, elapsed) => {
      const words = wordsOf(event)
      if (words !== undefined) say(`${formatElapsed(elapsed)} ${words}`)
    },
  }
}

function wordsOf({ ev, from, state, why }: ProbeEvent): string | undefined {
  if (ev === 'state') return `= ${from} → ${state} (${why})`
  return ev === 'timer' ? `! ${why}` : undefined
}
