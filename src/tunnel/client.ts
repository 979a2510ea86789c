import { networkInterfaces } from 'node:os'
import type { NetError } from '../base/errors.ts'
import { clock } from '../driver/clock.ts'
import { Budget } from '../session/credit/budget.ts'
import { ClientLink } from './client-link.ts'
import type { ClientConfig, PathConfig } from './config/types.ts'
import { FreezeWatch } from './freeze-watch.ts'
import type { LiveSession } from './live-session.ts'
import type { Log } from './log.ts'
import { KnownServers } from './paths/known-servers.ts'
import { PathDialer } from './paths/path-dialer.ts'
import { PathKeeper } from './paths/path-keeper.ts'
import { ProblemLog } from './problem-log.ts'
import { clientDefinition, pingTimes } from './service-definitions.ts'
import { Services } from './services/services.ts'

/** How often it is looked whether an interface came or went, and the session still has a path, in milliseconds. */
const LOOK = 1000

/** The client's side of a tunnel: services that listen, and paths that are kept alive. */
export class TunnelClient {
  readonly services: Services
  readonly link: ClientLink
  /** The memory of all windows. */
  readonly budget: Budget
  /** The server would not have us before there ever was a session: nothing mends that but another configuration. */
  onRefused: ((error: Error) => void) | undefined = undefined
  #hasBegun = false
  #config: ClientConfig
  #dialer: PathDialer
  readonly #log: Log
  readonly #keepers = new Map<string, PathKeeper>()
  #watch: NodeJS.Timeout | undefined = undefined
  #isEnding = false
  readonly #freezeWatch = new FreezeWatch()
  #addresses = ''

  /** @throws {NetError} EINVAL when user or password cannot be used. */
  constructor(config: ClientConfig, log: Log) {
    this.#config = config
    this.#log = log
    this.#dialer = new PathDialer(config)
    const problems = new ProblemLog(log)
    this.services = new Services({
      onProblem: (name, error) => problems.tell(name, error, clock()),
      isCarried: () => this.link.live?.session.paths.some(({ state }) => state === 'open') === true,
    })
    const { user, password, scheduler, window, streamWindow, ping } = config
    this.budget = new Budget(config.budget)
    this.link = new ClientLink({
      user,
      password,
      known: config.trust.by === 'password' ? new KnownServers(config.state) : undefined,
      onProblem: (error) => log.warn(error.message),
      session: { scheduler, window, streamWindow, ping: pingTimes(ping) },
      budget: this.budget,
      onBegin: (live) => this.#onBegin(live),
      onEnd: (live, reason) => this.#onEnd(live, reason),
    })
  }

  get config(): ClientConfig {
    return this.#config
  }

  get paths(): readonly PathKeeper[] {
    return [...this.#keepers.values()]
  }

  /** Opens the services and begins to connect. @throws {NetError} when a service cannot listen; nothing is left then. */
  async start(): Promise<void> {
    try {
      for (const service of this.#config.services) await this.services.add(clientDefinition(service))
    } catch (error) {
      await this.services.close()
      throw error
    }
    for (const path of this.#config.paths) this.addPath(path)
    this.#addresses = addresses()
    this.#watch = setInterval(() => this.#look(), LOOK)
  }

  /** Another configuration for what begins from now on; what it says of lists is for others to do. */
  setConfig(config: ClientConfig): void {
    if (config.scheduler !== this.#config.scheduler) this.link.setScheduler(config.scheduler)
    this.#config = config
  }

  /** Adds a path to those that are kept alive. @throws {Error} when there is one of that name. */
  addPath(path: PathConfig): void {
    if (this.#keepers.has(path.name)) throw new Error(`there is a path "${path.name}" already`)
    const keeper = new PathKeeper(path, {
      link: this.link,
      dialer: this.#dialer,
      log: this.#log,
      onFailure: (error) => {
        if (!this.#hasBegun && isHopeless(error)) this.onRefused?.(error)
      },
      onUp: (up) => this.#onUp(up),
    })
    this.#keepers.set(path.name, keeper)
    keeper.start()
  }

  /** Ends a path in good order. Whether there was one. */
  removePath(name: string): boolean {
    const keeper = this.#keepers.get(name)
    this.#keepers.delete(name)
    keeper?.stop('the path was removed')
    return keeper !== undefined
  }

  path(name: string): PathKeeper | undefined {
    return this.#keepers.get(name)
  }

  /** Takes nothing new, lets what is open end for `drain` milliseconds, and ends. */
  async stop(drain: number): Promise<void> {
    await this.services.close({ drain })
    clearInterval(this.#watch)
    this.#isEnding = true
    this.link.close('the client ends')
    for (const keeper of this.#keepers.values()) keeper.stop('the client ends')
  }

  #onBegin(live: LiveSession): void {
    this.#hasBegun = true
    this.#log.info('session has begun', { user: this.#config.user })
    live.session.onPath = (path, event) => {
      if (event === 'closed') live.forget(path)
      if (event === 'recovered') this.services.onCarried()
      for (const keeper of this.#keepers.values()) if (keeper.onPath(path, event)) return
    }
    this.services.attach(live.session)
  }

  /** The first path that is there again: what kept the others away may be over for them, too. */
  #onUp(up: PathKeeper): void {
    this.services.onCarried()
    if (up.live?.session.paths.length !== 1) return
    for (const keeper of this.#keepers.values()) if (keeper !== up) keeper.hurry()
  }

  #onEnd(live: LiveSession, reason: string): void {
    this.#log[this.#isEnding ? 'info' : 'warn']('session is over', { reason })
    this.services.detach(live.session)
    for (const keeper of this.#keepers.values()) if (keeper.live === live) keeper.onSessionEnd(this.#isEnding)
  }

  #look(): void {
    this.#lookAtSession()
    this.#lookAtInterfaces()
  }

  /** Whoever waits for a session that nothing carries must hear of it some time. */
  #lookAtSession(): void {
    const { freeze } = this.#config
    if (this.#freezeWatch.isOver(this.link.live, clock(), freeze)) {
      this.link.close(`no path has carried it for longer than "freeze" (${freeze / 1000} s) allows`)
    }
  }

  /** An interface that came is a way that was not there. */
  #lookAtInterfaces(): void {
    const now = addresses()
    if (now === this.#addresses) return
    this.#addresses = now
    const hurried = [...this.#keepers.values()].filter((keeper) => keeper.hurry())
    if (hurried.length === 0) return
    this.#log.info('interfaces have changed: what waits is tried at once', {
      paths: hurried.map(({ name }) => name).join(', '),
    })
  }
}

const addresses = (): string =>
  Object.entries(networkInterfaces())
    .map(([name, entries]) => `${name} ${entries?.map(({ cidr }) => cidr).join(' ')}`)
    .join('\n')

/** No other attempt mends it. */
const isHopeless = (error: Error): boolean => (error as Partial<NetError>).code === 'ERR_AUTH'
