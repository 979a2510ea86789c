/** A class whose instances are made with `new` and without, as node:net's are. */
export function callable<T extends new (...args: never[]) => object>(made: T): T {
  const both: T = new Proxy(made, {
    apply(target, caller, args: never[]) {
      // Whoever calls it on an object of its own wants that to become one, and gets no other.
      if (!(caller instanceof target)) return new target(...args)
      throw new TypeError(`Cannot call ${target.name} on an object: write class … extends ${target.name}`)
    },
    construct(target, args: never[], derived) {
      // As an instance of the proxy, which V8 knows no shape of, each would take a hundred times as long to make.
      return derived === both ? new target(...args) : Reflect.construct(target, args, derived)
    },
  })
  made.prototype.constructor = both
  return both
}
