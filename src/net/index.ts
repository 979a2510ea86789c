export type { ConnectOptions } from './arguments.ts'
export { type CreateNetOptions, createNet, type Net, type ServerOptions } from './create-net.ts'
export type { SocketOptions, StackSocket as Socket } from './socket.ts'
