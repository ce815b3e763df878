import type { AnyDecider, Report } from '@lowtide/core'
import { type AnyDeployment, isDecider, nearest, planOf, rebuilding } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import type { Command } from './command.js'
import { columns } from './layout.js'
import { overStore, toItsEnd } from './over-store.js'
import { teller } from './progress.js'
import { failed, trouble, usage } from './trouble.js'

const handlerOf = ({ functions }: AnyDeployment, name: string): AnyDecider => {
  const deciders = functions.filter(isDecider), found = deciders.find(h => h.name === name)
  if (found === undefined) throw usage(`there is no handler '${name}'${nearest(name, deciders.map(h => h.name))}`)
  return found
}
const rebuild: Command = {
  name: 'consumers rebuild', about: 'makes the tables of a handler anew from history, while the old rows serve', takes: { ids: 'one', what: 'handler' },
  flags: { partial: { about: 'also where events were removed for their age: rows that only these made are gone then' } },
  details: 'By `write` alone: nothing is decided again, and nothing is sent. The tables of all handlers that share some with it are made anew. Processes may run meanwhile; nothing they write is lost.\n  Where it is ended, also by force, the old rows stay. A line of progress a second on standard error, with --json a JSON document each.',
  run: ({ deployment, plan, ids: [name], flags, terminal, signal }) => toItsEnd(deployment.shell, plan, async (store): Promise<Report> => {
    const handler = handlerOf(deployment, name!), told = teller(handler.name, flags.has('json'), plan.runtime.now, terminal.note)
    const done = await rebuilding(deployment, store, plan.runtime)(handler, { progress: told.progress, signal, partial: flags.has('partial') })
    if (E.isLeft(done)) throw trouble(done.left.notHandled === 'unavailable' ? 3 : 1, done.left.message)
    const { seconds, rate } = told.figures({ events: done.right, of: done.right }), tables = [...new Set(handler.tables.map(t => t.name))]
    return { text: `rebuilt ${tables.join(', ')} from ${done.right} events in ${seconds.toFixed(1)} s, ${rate} a second`, data: { handler: handler.name, tables, events: done.right, seconds, rate } }
  }),
}

const means = (name: string): string => `The rows stay as they are, and the events come again: 'put', 'remove' and 'update' with the same values come to the same rows, 'increment' counts twice, and an 'insert' of a row that is there parks.
To make the rows anew instead: lowtide consumers rebuild ${name}`
const reset: Command = {
  name: 'consumers reset', about: 'lets a handler read its channels again from somewhere, or pass over what stands there', takes: { ids: 'one', what: 'handler' },
  details: `Back goes only a projector: what others send would be sent again. ${means('<handler>').replaceAll('\n', '\n  ')}`,
  flags: {
    to: { value: 'position', about: "'start', 'end' (what is sent from now on), or a position of the log, such as 1234.0" },
    dry: { about: 'only tells over how many messages it would go' },
    force: { about: 'also while a process runs it: what that has in hand is not written, and it goes on from there' },
    partial: { about: 'also where events were removed for their age: only what is left comes again' },
    yes: { about: 'do not ask' },
  },
  run: async ({ deployment, plan, ids: [name], flags, terminal, signal }) => {
    const handler = handlerOf(deployment, name!), to = flags.get('to'), dry = flags.has('dry')
    if (to === undefined) throw usage(`'consumers reset' needs --to start, --to end or --to <position>, found none`)
    if (handler.kind === 'command') throw usage(`'consumers reset': expected a projector or a policy, found '${handler.name}', which handles commands: each of them has its answer, or waits for one`)
    if (handler.settings.each === 'instance') throw usage(`'consumers reset': '${handler.name}' runs in each instance, from now on; it has no place to go back to`)
    const consumer = planOf(deployment, plan.runtime, [handler]).consumers.find(c => c.name === handler.name)!
    return overStore(deployment.shell, plan, signal, async (store): Promise<Report> => {
      if (store.reset === undefined) throw usage(`'consumers reset': the shell '${deployment.shell.name}' cannot do this from outside of its processes`)
      const how = { back: handler.kind === 'projector', force: flags.has('force'), partial: flags.has('partial') }, looked = await store.reset(consumer, to, { ...how, dry: true })()
      if (E.isLeft(looked)) throw failed(looked.left)
      const lines = (moved: typeof looked.right): string => columns([['channel', 'partition', 'from', 'to', 'messages'], ...moved.map(m => [m.channel, m.partition, m.from, m.position, String(m.messages)])], terminal.width)
      if (dry) return { text: lines(looked.right), data: { handler: handler.name, dry, partitions: looked.right } }
      if (!flags.has('yes')) {
        terminal.note(`${lines(looked.right)}\n${how.back ? means(handler.name) : ''}`)
        const sure = await terminal.confirm(`reset '${handler.name}' to ${to}? [y/N] `, signal)
        if (sure === undefined) throw usage(`'consumers reset' asks first, and there is no terminal to ask on; nothing was changed; add --yes`)
        if (!sure) throw trouble(1, 'nothing was changed')
      }
      const done = await store.reset(consumer, to, { ...how, dry: false })()
      if (E.isLeft(done)) throw failed(done.left)
      return { text: `reset '${handler.name}' to ${to}: ${done.right.reduce((sum, m) => sum + m.messages, 0)} messages in ${done.right.length} partitions`, data: { handler: handler.name, dry, partitions: done.right } }
    })
  },
}

export const consumers: readonly Command[] = [rebuild, reset]
