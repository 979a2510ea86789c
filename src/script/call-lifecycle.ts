import { atOnce, type Descriptor, type Handler, socketOf } from './call.ts'
import { Epoll } from './epoll.ts'
import { failed, KernelSocket, ok } from './socket.ts'
import { Domain } from './symbols.ts'

// Calls that make, join and end sockets.

const socket: Handler = ({ kernel }, args) => {
  args.expectCount(3)
  const domain = args.isEllipsis(0) ? Domain.AF_INET : args.number(0)
  let opened: Descriptor | undefined
  return {
    attempt: () => {
      const made = kernel.socket(domain, args.number(1), args.number(2))
      if (!(made instanceof KernelSocket)) return failed(made)
      opened = made
      return ok()
    },
    opened: () => opened,
  }
}

const bind: Handler = (program, args) => {
  args.expectCount(3)
  const socket = socketOf(program, args)
  return atOnce(() => program.kernel.bind(socket, program.bindTo))
}

const listen: Handler = (program, args) => {
  args.expectCount(2)
  const socket = socketOf(program, args)
  return {
    attempt: () => program.kernel.listen(socket, args.number(1)),
    succeeded: () => program.listens(socket),
  }
}

const accept: Handler = (program, args) => {
  args.expectCount(3)
  const attempt = program.kernel.accept(socketOf(program, args))
  let opened: Descriptor | undefined
  return {
    attempt: () => {
      const accepted = attempt()
      opened = accepted?.socket
      return accepted
    },
    opened: () => opened,
  }
}

const connect: Handler = (program, args) => {
  args.expectCount(3)
  const socket = socketOf(program, args)
  const isDissolved = !args.isEllipsis(1) && args.number(1) === Domain.AF_UNSPEC
  if (isDissolved) program.disconnects(socket)
  else program.connects(socket)
  return { attempt: program.kernel.connect(socket, isDissolved ? undefined : program.connectTo) }
}

const shutdown: Handler = (program, args) => {
  args.expectCount(2)
  const socket = socketOf(program, args)
  return atOnce(() => program.kernel.shutdown(socket, args.number(1)))
}

const close: Handler = (program, args) => {
  args.expectCount(1)
  const fd = args.number(0)
  const descriptor = program.descriptors.get(fd)
  if (descriptor instanceof Epoll) return { attempt: () => ok(), succeeded: () => program.descriptors.delete(fd) }
  const socket = socketOf(program, args)
  return {
    attempt: () => program.kernel.close(socket),
    succeeded: () => program.descriptors.delete(fd),
  }
}

const epollCreate: Handler = (_process, args) => {
  args.expectCount(1)
  const epoll = new Epoll()
  return { attempt: () => (args.number(0) > 0 ? ok() : failed('EINVAL')), opened: () => epoll }
}

export const LIFECYCLE: Readonly<Record<string, Handler>> = {
  socket,
  bind,
  listen,
  accept,
  connect,
  shutdown,
  close,
  epoll_create: epollCreate,
}
