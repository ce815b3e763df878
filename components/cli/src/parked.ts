import type { Parked, ParkedFilter, Report, Store } from '@lowtide/core'
import { nearest } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import type { Flags } from './arguments.js'
import type { Command, Running } from './command.js'
import { overStore } from './over-store.js'
import { listed, shown, summary } from './show.js'
import { exitOf, failed, trouble, usage } from './trouble.js'

const states = ['parked', 'waiting', 'failed', 'redrive'] as const satisfies readonly Parked['state'][]
const again = ['parked', 'failed'] as const satisfies readonly Parked['state'][]
const filters: Flags = {
  consumer: { value: 'handler', about: 'of this handler' },
  channel: { value: 'channel', about: 'from this channel' },
  key: { value: 'key', about: 'of this key' },
}

const filterOf = (flags: ReadonlyMap<string, string>): ParkedFilter => {
  const state = states.find(name => name === flags.get('state')), of = (name: 'consumer' | 'channel' | 'key') => flags.has(name) ? { [name]: flags.get(name)! } : {}
  return { ...of('consumer'), ...of('channel'), ...of('key'), ...(state && { state }) }
}
const asked = async (store: Store, filter: ParkedFilter): Promise<readonly Parked[]> => {
  const found = await store.parked(filter)()
  if (E.isLeft(found)) throw failed(found.left)
  return found.right
}
/** A handler that has left the deployment may have something parked; where there is nothing, the name is looked at. */
const matching = async (store: Store, { plan, flags }: Running): Promise<readonly Parked[]> => {
  const filter = filterOf(flags), found = await asked(store, filter), { consumer, channel } = filter
  const handlers = plan.consumers.map(({ name }) => name), channels = plan.channels.map(({ channel }) => channel)
  if (found.length > 0) return found
  if (consumer !== undefined && !handlers.includes(consumer)) throw usage(`nothing is parked, and there is no handler '${consumer}'${nearest(consumer, handlers)}`)
  if (channel !== undefined && !channels.includes(channel)) throw usage(`nothing is parked, and there is no channel '${channel}'${nearest(channel, channels)}`)
  return found
}
/** All of them, or nothing is done. */
const named = async (store: Store, ids: readonly string[]): Promise<readonly Parked[]> => {
  const all = new Map((await asked(store, { ids })).map(p => [p.id, p])), found: Parked[] = []
  for (const id of ids) {
    const one = all.get(id)
    if (one === undefined) throw trouble(1, `cannot find the parked message '${id}'; it may have been handled or discarded, and nothing was done; 'lowtide parked list' shows what is parked`)
    found.push(one)
  }
  return found
}
/** One after the other. What is refused stops nobody else; a store that is away does. */
const unpark = async (store: Store, chosen: readonly Parked[], how: 'redrive' | 'discard', done: 'redriven' | 'discarded'): Promise<readonly string[]> => {
  const ids: string[] = [], refused: { readonly id: string; readonly message: string }[] = []
  for (const { id } of chosen) {
    const result = await store.unpark(id, how)()
    if (E.isRight(result)) { ids.push(id); continue }
    refused.push({ id, message: result.left.failure })
    if (exitOf(result.left) === 3) throw trouble(3, `${result.left.failure}; ${ids.length} of ${chosen.length} were ${done}`, { [done]: ids, refused })
  }
  if (refused.length > 0) throw trouble(1, `${refused.map(({ message }) => message).join('\n')}\n${ids.length} of ${chosen.length} were ${done}`, { [done]: ids, refused })
  return ids
}

const list: Command = {
  name: 'parked list', about: 'lists what could not be handled, in the order in which it was parked',
  details: 'States: parked holds its key; waiting is behind one; failed is a command, which holds no key; redrive will run again.',
  flags: { ...filters, state: { value: 'state', among: states, about: `in this state: ${states.join(', ')}` } },
  run: running => overStore(running.deployment.shell, running.plan, running.signal, async store => listed(await matching(store, running), running.plan.runtime.now(), running.terminal.width)),
}
const show: Command = {
  name: 'parked show', about: 'shows one: why it is parked, and its message', takes: { ids: 'one' }, flags: {},
  details: 'Prints the envelope and the data of the message. They may be private: mind who sees them, and where they are kept.',
  run: ({ deployment, plan, ids, signal }) => overStore(deployment.shell, plan, signal, async store => shown((await named(store, ids))[0]!, plan.runtime.now())),
}
const redrive: Command = {
  name: 'parked redrive', about: 'runs them again, then what waits behind them, in order', takes: { ids: 'some', or: 'all' },
  details: 'Asks for it: a running process that owns the handler does it. With --all the flags choose among those that are parked or failed.',
  flags: { all: { about: 'every one that is parked or failed and fits the flags below' }, ...filters, state: { value: 'state', among: again, about: `with --all: only in this state: ${again.join(', ')}` } },
  run: async running => {
    const { deployment, plan, ids, flags, signal } = running, all = flags.has('all'), stray = Object.keys({ ...filters, state: '' }).find(name => flags.has(name))
    if (!all && stray !== undefined) throw usage(`'parked redrive': the flag '--${stray}' chooses among all; expected --all with it, found ids`)
    return overStore(deployment.shell, plan, signal, async (store): Promise<Report> => {
      const chosen = all ? (await matching(store, running)).filter(({ state }) => again.some(name => name === state)) : await named(store, ids)
      const redriven = await unpark(store, chosen, 'redrive', 'redriven')
      return { text: redriven.length === 0 ? 'redriven: 0' : `redriven: ${redriven.length}; they run as soon as a process of this deployment does`, data: { redriven } }
    })
  },
}
const discard: Command = {
  name: 'parked discard', about: 'gives them up for good; what waits behind them goes on', takes: { ids: 'some' },
  details: 'Asks first on a terminal. Without one, as in a script, --yes is needed.',
  flags: { yes: { about: 'do not ask' } },
  run: ({ deployment, plan, ids, flags, terminal, signal }) => overStore(deployment.shell, plan, signal, async (store): Promise<Report> => {
    const chosen = await named(store, ids)
    if (!flags.has('yes')) {
      terminal.note(summary(chosen, plan.runtime.now(), terminal.width))
      const sure = await terminal.confirm(`discard ${chosen.length === 1 ? 'this message' : `these ${chosen.length} messages`} for good? [y/N] `, signal)
      if (sure === undefined) throw usage(`'parked discard' asks first, and there is no terminal to ask on; nothing was discarded; add --yes`)
      if (!sure) throw trouble(1, 'nothing was discarded')
    }
    const discarded = await unpark(store, chosen, 'discard', 'discarded')
    return { text: `discarded: ${discarded.length}`, data: { discarded } }
  }),
}

export const parked: readonly Command[] = [list, show, redrive, discard]
