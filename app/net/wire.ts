// The cable of these examples: a TAP device, our stack at one end and this machine's kernel at the other.
import { createStack, openTapLink } from 'gotcp'
import { createNet } from 'gotcp/net'

/** Where the stack is, and where it finds the kernel. */
export const STACK = '10.0.0.2'
export const KERNEL = '10.0.0.1'

export const stack = createStack()
stack.addInterface(openTapLink({ name: 'gotcp0', kernelAddress: `${KERNEL}/24` }), { address: `${STACK}/24` })

/** node:net over the stack. */
export const net = createNet(stack)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stack.close())
