import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import { type Built, buildGvisor, buildLwip } from './build.ts'

const here = (program: string): string => join(import.meta.dirname, program)

/** Where a server is to be. */
export interface Place {
  readonly interface: string
  readonly address: string
  /** Of its sink; the source and the echo follow. */
  readonly port: number
  /** Whether a super-segment may leave it whole; not where single segments are to be lost. */
  readonly whole: boolean
  /** The C peer. */
  readonly peer: string
  /** The guest's namespace, by path, where the contender is between a guest and a host. */
  readonly guest: string
}

/** One who is measured. */
export interface Contender {
  readonly title: string
  /**
   * What it stands on: an AF_PACKET socket or the kernel itself at the end of a veth, a TAP, or between the kernel of a
   * guest, whose TAP it makes, and sockets of the host.
   */
  readonly medium: 'veth' | 'tap' | 'guest'
  /** The kernel, whom the others are compared with. */
  readonly isKernel?: boolean
  /** The address that a guest finds the host at. */
  readonly host?: string
  /** As many connections as it can hold. */
  readonly maxConnections?: number
  /** Its server, or what is between guest and host. */
  command(place: Place): readonly string[]
}

/** Who cannot be measured here, and how to make that possible. */
export interface Absentee {
  readonly title: string
  readonly missing: string
}

const node = (program: string, ...args: (string | number)[]): string[] => [
  process.execPath,
  here(program),
  ...args.map(String),
]

const ours = (medium: 'veth' | 'tap', title: string): Contender => ({
  title,
  medium,
  command: (place) => {
    const kind = medium === 'tap' ? 'tap' : 'packet'
    // The kernel cuts what a packet socket sends where the veth has no TSO; on a TAP there is nobody to do it.
    const plain = medium === 'tap' && !place.whole ? ['plain'] : []
    return node('ours.js', kind, place.interface, place.address, place.port, ...plain)
  },
})

const hasProgram = (name: string): boolean => spawnSync(name, ['--version']).error === undefined

/** A program of ours on somebody's library. */
const built = (title: string, medium: 'veth' | 'tap', outcome: Built): Contender | Absentee =>
  'missing' in outcome
    ? { title, missing: outcome.missing }
    : { title, medium, command: (place) => [outcome.program, place.interface, place.address, String(place.port)] }

function between(name: string, host: string, args: (place: Place) => readonly string[]): Contender | Absentee {
  const title = name === 'pasta' ? 'pasta (passt)' : name
  if (!hasProgram(name)) return { title, missing: `apt-get install ${name === 'pasta' ? 'passt' : name}` }
  return { title, medium: 'guest', host, command: (place) => [name, ...args(place)] }
}

function tcpipJs(): Contender | Absentee {
  const title = 'tcpip.js on TAP'
  try {
    import.meta.resolve('tcpip')
  } catch {
    return { title, missing: 'npm install --no-save tcpip' }
  }
  return {
    title,
    medium: 'tap',
    maxConnections: 200,
    command: ({ interface: name, address, port }) => node('tcpip-js.js', name, address, port),
  }
}

/** All that can be had here, the kernel first; and the others. */
export function contenders(): { present: Contender[]; absent: Absentee[] } {
  const kernel: Contender = {
    title: 'kernel',
    medium: 'veth',
    isKernel: true,
    command: ({ peer, port }) => [peer, 'serve', String(port)],
  }
  const all = [
    kernel,
    ours('veth', 'gotcp on AF_PACKET'),
    ours('tap', 'gotcp on TAP'),
    built('gVisor on AF_PACKET', 'veth', buildGvisor()),
    built('lwIP on TAP', 'tap', buildLwip()),
    between('slirp4netns', '10.0.2.2', ({ guest }) => [
      ...['--configure', '--mtu=1500', '--netns-type=path', guest, 'tap0'],
    ]),
    between('pasta', '10.9.0.2', ({ guest }) => [
      ...['--foreground', '--quiet', '--runas', '0', '--config-net', '--mtu', '1500', '-I', 'tap0'],
      ...['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none', '--netns', guest],
    ]),
    tcpipJs(),
  ]
  return {
    present: all.filter((each): each is Contender => 'command' in each),
    absent: all.filter((each): each is Absentee => 'missing' in each),
  }
}
