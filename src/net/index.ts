export type { ConnectOptions, SocketOptions } from './arguments.ts'
export { type CreateNetOptions, createNet, type Net, type ServerOptions } from './create-net.ts'
