import { constants } from 'node:os'
import { LabError } from './error.ts'
import { Lab } from './lab.ts'
import { isAlive, probeAccess } from './namespace.ts'
import { gotcpCommand, type LabStore } from './store.ts'
import { NODE1, NODE2 } from './topology.ts'

/** What `up` found or made. */
export interface UpResult {
  readonly lab: Lab
  readonly isNew: boolean
}

/** Brings a lab up, once: a lab that is up stays as it is, a broken one is made again. @throws LabError */
export async function labUp(store: LabStore): Promise<UpResult> {
  const old = store.load()
  if (old?.isUp === true) return { lab: old, isNew: false }
  old?.down()
  const access = probeAccess()
  if (!('access' in access)) throw new LabError(`cannot make a lab: ${access.reason}`)
  const lab = await Lab.create(access.access, [NODE1, NODE2], true)
  try {
    store.save(lab)
  } catch (error) {
    lab.down()
    throw error
  }
  return { lab, isNew: true }
}

/** Takes a lab down; false when there was none. */
export function labDown(store: LabStore): boolean {
  const lab = store.load()
  lab?.down()
  store.remove()
  return lab !== undefined
}

export interface HostStatus {
  readonly name: string
  readonly address: string | undefined
  readonly pid: number
  readonly isUp: boolean
}

/** The hosts of a lab; none when it is down. */
export function labStatus(store: LabStore): readonly HostStatus[] {
  return (store.load()?.hosts ?? []).map(({ name, address, namespace }) => ({
    name,
    address,
    pid: namespace.pid,
    isUp: isAlive(namespace),
  }))
}

/** Runs a program on a host with this terminal, and tells its exit code; `gotcp` is this very build. @throws LabError */
export function labExec(store: LabStore, host: string, argv: readonly string[]): Promise<number> {
  const lab = store.load()
  if (lab?.isUp !== true) throw new LabError(`the lab is not up; run: gotcp lab up${store.flag}`)
  const [program, ...args] = argv
  const command = program === 'gotcp' ? [...gotcpCommand(), ...args] : argv
  const env = { ...process.env, PATH: `${store.binFolder()}:${process.env['PATH'] ?? ''}` }
  const child = lab.spawn(host, command, { stdio: 'inherit', env })
  // A Ctrl-C reaches the child by itself, being of the same terminal; what comes to us alone is passed on.
  const ignore = (): void => {}
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal)
  process.on('SIGINT', ignore)
  process.on('SIGQUIT', ignore)
  process.on('SIGTERM', forward)
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new LabError(`cannot run ${program} on ${host}: ${error.message}`)))
    child.once('exit', (code, signal) => {
      process.off('SIGINT', ignore)
      process.off('SIGQUIT', ignore)
      process.off('SIGTERM', forward)
      resolve(code ?? 128 + constants.signals[signal!])
    })
  })
}
