export type { ConnectOptions, SocketOptions } from './arguments.ts'
export { type CreateNetOptions, createNet, type Net, type ServerOptions } from './create-net.ts'
export type { StackSocket as Socket } from './socket.ts'
