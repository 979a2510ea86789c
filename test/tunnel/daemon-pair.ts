import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '../../src/tunnel/config/index.ts'
import type { TunnelConfig } from '../../src/tunnel/config/types.ts'
import { Daemon } from '../../src/tunnel/daemon.ts'

/** What a daemon said, instead of writing it. */
export class Said {
  readonly lines: string[] = []
  level = 'info'
  readonly #say =
    (how: string) =>
    (message: string, fields: object = {}): void =>
      void this.lines.push(`${how} ${message} ${JSON.stringify(fields)}`)
  readonly error = this.#say('error')
  readonly warn = this.#say('warn')
  readonly info = this.#say('info')
  readonly debug = this.#say('debug')
  setLevel(level: string): void {
    this.level = level
  }
  reopen(): void {}
}

/** A daemon whose file is a string. */
export class Subject {
  text: string
  readonly said = new Said()
  daemon!: Daemon
  readonly #file: string

  constructor(file: string, text: string) {
    this.#file = file
    this.text = text
  }

  get config(): TunnelConfig {
    return parseConfig(this.text, { file: this.#file })
  }

  async start(): Promise<this> {
    this.daemon = await Daemon.start(this.config, { load: () => this.config, log: this.said })
    return this
  }

  /** Where one of its services listens. */
  portOf(service: string): number {
    const { listening } = this.daemon.status().services.find(({ name }) => name === service)!
    return Number(/:(\d+)$/.exec(listening!)![1])
  }
}

/** A server and a client of it in this process, with a backend that echoes. */
export class DaemonPair {
  readonly folder = mkdtempSync(join(tmpdir(), 'gotcp-daemon-'))
  readonly #subjects: Subject[] = []
  #backend!: Server
  server!: Subject
  client!: Subject

  static async open(extra: { server?: string; client?: string } = {}): Promise<DaemonPair> {
    const pair = new DaemonPair()
    pair.#backend = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined)
      socket.pipe(socket)
    })
    await new Promise<void>((resolve) => pair.#backend.listen(0, '127.0.0.1', resolve))
    pair.server = await pair.subject('server.yaml', pair.serverText(extra.server)).start()
    pair.client = await pair.subject('client.yaml', pair.clientText(extra.client)).start()
    await until(() => pair.client.daemon.status().sessions[0]!.paths.every(({ state }) => state === 'up'))
    return pair
  }

  get backendPort(): number {
    return (this.#backend.address() as AddressInfo).port
  }

  get serverAddress(): string {
    return this.server.daemon.status().listening[0]!
  }

  subject(file: string, text: string): Subject {
    const subject = new Subject(join(this.folder, file), text)
    this.#subjects.push(subject)
    return subject
  }

  serverText(extra = ''): string {
    return `mode: server
listen: ["127.0.0.1:0"]
state: state
control: server.sock
users: [{ name: ada, password: secret }]
services: [{ name: web, type: tcp, connect: "127.0.0.1:${this.backendPort}" }]
${extra}`
  }

  clientText(extra = ''): string {
    return `mode: client
user: ada
password: secret
state: state
control: client.sock
paths: [{ name: one, remote: "${this.serverAddress}" }, { name: two, remote: "${this.serverAddress}" }]
services: [{ name: web, type: tcp, listen: "127.0.0.1:0" }]
${extra}`
  }

  async close(): Promise<void> {
    for (const { daemon } of this.#subjects.reverse()) await daemon?.stop(0)
    this.#backend.close()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export async function until(done: () => boolean): Promise<void> {
  for (let tries = 0; !done(); tries++) {
    assert.ok(tries < 2000, 'it takes too long')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.once('connect', () => resolve(socket))
    socket.once('error', reject)
  })
}

/** Says something and hears as much. */
export function exchange(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = ''
    const settle = (finish: () => void): void => {
      socket.off('data', onData).off('close', onClose)
      finish()
    }
    const onClose = (): void => settle(() => reject(new Error('closed')))
    const onData = (part: Buffer): void => {
      heard += part
      if (heard.length >= text.length) settle(() => resolve(heard))
    }
    socket.on('data', onData).on('close', onClose)
    socket.write(text)
  })
}
