import type { Call, Descriptor, Handler, Program } from './call.ts'
import { CONTROL } from './call-control.ts'
import { LIFECYCLE } from './call-lifecycle.ts'
import { TRANSFER } from './call-transfer.ts'
import { KernelSocket } from './socket.ts'
import { ArgumentError, Arguments, type Value } from './values.ts'

const HANDLERS: ReadonlyMap<string, Handler> = new Map([
  ...Object.entries(LIFECYCLE),
  ...Object.entries(TRANSFER),
  ...Object.entries(CONTROL),
])

/** Makes a call of its name and its evaluated arguments. Throws ArgumentError for one that cannot be made. */
export function prepareCall(program: Program, name: string, values: readonly Value[]): Call {
  const handler = HANDLERS.get(name)
  if (handler === undefined) throw new ArgumentError(`${name} is a system call that this machine does not have`)
  return handler(program, new Arguments(name, values))
}

/** Files what a call returned under the number that the script chose; one that is open gives way only to an accepted connection. */
export function file(program: Program, fd: number, descriptor: Descriptor): void {
  const isAccepted = descriptor instanceof KernelSocket && descriptor.tcb !== undefined
  if (program.descriptors.has(fd) && !isAccepted) throw new ArgumentError(`descriptor ${fd} is open already`)
  program.descriptors.set(fd, descriptor)
}
