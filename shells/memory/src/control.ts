import type { Instance } from './instance.js'
import type { State } from './state.js'

/** What can happen to instances from outside, as to processes. */
export interface Control {
  /** Ends one as SIGKILL ends a process: its calls never answer, and its partitions move at once. */
  crash(instance: string): void
  /** Holds one as SIGSTOP holds a process. When its lease is over, another gives its partitions away. */
  pause(instance: string): void
  /** Lets a paused one go on: what it was about to commit with an old fence is refused. */
  resume(instance: string): void
}
/** Watches over the leases of a world's instances, and does to them what happens to processes. */
export interface Keeper extends Control {
  /** An instance begins: from now on it renews its lease, in its own time, as long as that goes on. */
  opened(instance: Instance): void
  closed(instance: Instance): void
  kill(instance: Instance): void
}
/** Renewals in the time of a lease. */
const renewals = 3

export const control = (state: State): Keeper => {
  const { consumers, room, instances } = state, leases = new Map<Instance, { renewed: number; stop(): void }>()
  const find = (name: string): Instance => {
    const found = [...instances].find(instance => instance.name === name)
    if (found === undefined) throw new Error(`[memory] cannot find instance '${name}'; this world has: ${[...instances].map(instance => instance.name).join(', ') || 'none'}`)
    return found
  }
  const membersOf = (instance: Instance) => [...consumers.members()].filter(member => member.instance === instance)
  const present = (instance: Instance, is: boolean): void => {
    for (const member of membersOf(instance)) {
      if (member.lapsed !== is) continue
      member.lapsed = !is
      consumers.share(member.consumer.name, () => true)
    }
  }
  /** Renews, comes back if it was given up, and gives up who did not renew; but who is late itself judges nobody. */
  const beat = (instance: Instance): void => {
    const { runtime, options: { lease } } = instance, now = runtime.now(), mine = leases.get(instance), late = mine !== undefined && mine.renewed + lease <= now
    leases.set(instance, { renewed: now, stop: runtime.after(Math.floor(lease / renewals), () => beat(instance)) })
    present(instance, true)
    if (late) return
    for (const [other, { renewed }] of leases) if (renewed + other.options.lease <= now) present(other, false)
  }
  const closed = (instance: Instance): void => {
    leases.get(instance)?.stop()
    leases.delete(instance)
    instances.delete(instance)
    room.release(instance)
  }
  const kill = (instance: Instance): void => {
    if (!instances.has(instance)) return
    instance.become('crashed')
    for (const member of membersOf(instance)) consumers.leave(member, reading => reading.member !== member)
    closed(instance)
  }
  return {
    closed, kill,
    crash: name => kill(find(name)),
    pause: name => {
      const instance = find(name)
      leases.get(instance)?.stop()
      instance.become('paused')
    },
    resume: name => {
      const instance = find(name)
      if (instance.state() !== 'paused') return
      beat(instance)
      instance.become('running')
      room.freed(instance)
    },
    opened: instance => {
      instances.add(instance)
      beat(instance)
    },
  }
}
