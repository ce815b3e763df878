// Deployments and calls that must not compile. Each directive stands above the very line where the error has to appear.
import { type Bound, type Shell, accept, channel, command, commandHandler, event, policy, port, projector, query, reject, resolver, table, text } from '@lowtide/core'
import { test } from 'uvu'
import { z } from 'zod'
import { type Front, deployment, run } from './index.js'

const all = channel('all'), data = z.object({ id: z.string() }), key = (d: { readonly id: string }): string => d.id
const Open = command('Open', { channel: all, key, schema: data, rejections: ['closed'] })
const Stranger = command('Stranger', { channel: all, key, schema: data })
const Opened = event('Opened', { channel: all, key, schema: data })
const views = table('views', { columns: { id: text }, key: 'id' })
const mail = port('mail', { effect: data }), rate = port('rate', { ask: { args: data, answer: z.object({ limit: z.number() }) } })
const open = commandHandler({ meta: { name: 'open', in: Open, out: [Opened] }, operate: (_c, { data: d }) => d.id === '' ? reject('closed', '') : accept(Opened(d)), write: { Opened: () => [] } })
const view = projector({ meta: { name: 'view', in: [Opened], uses: [views] }, write: { Opened: ({ data: d }) => [views.put({ id: d.id })] } })
const welcome = policy({ meta: { name: 'welcome', in: Opened, effects: [mail] }, operate: (_c, { data: d }) => accept(mail.effect(d)) })
const opened = resolver({ meta: { of: Open, from: [Opened], after: view, uses: [views] }, lookup: ({ Opened: [e] }) => ({ view: views.get(e.data.id) }), answer: ({ view: v }) => v })
const asked = query({ meta: { name: 'Q', args: data, uses: [views, rate] }, lookup: ({ id }) => ({ v: views.get(id), r: rate.ask({ id }) }), answer: ({ r }) => r.limit })

/** Compiled, never called. */
export const programs = async (shell: Shell, front: Front, bound: { mail: Bound<typeof mail>; rate: Bound<typeof rate> }): Promise<unknown> => {
  const right = deployment({ functions: [{ open, view, welcome, opened, asked }], shell, processes: { front: [front], p: [open, view, welcome] }, ports: bound })
  // @ts-expect-error no port is bound
  deployment({ functions: [{ welcome }], shell, processes: { p: [welcome] } })
  // @ts-expect-error one port of two is bound
  deployment({ functions: [{ welcome, asked }], shell, processes: { p: [welcome] }, ports: { mail: bound.mail } })
  // @ts-expect-error a port that no function uses
  deployment({ functions: [{ welcome }], shell, processes: { p: [welcome] }, ports: { mail: bound.mail, sms: bound.mail } })
  // @ts-expect-error an adapter of the wrong shape
  deployment({ functions: [{ welcome }], shell, processes: { p: [welcome] }, ports: { mail: bound.rate } })
  // @ts-expect-error a port where none is used
  deployment({ functions: [{ open, view }], shell, processes: { p: [open, view] }, ports: { mail: bound.mail } })
  // @ts-expect-error a handler that is not among the functions
  deployment({ functions: [{ open }], shell, processes: { p: [open, view] } })
  // @ts-expect-error a handler that no process runs
  deployment({ functions: [{ open, view }], shell, processes: { front: [front], p: [open] } })
  // @ts-expect-error a resolver runs in no process
  deployment({ functions: [{ open, view, opened }], shell, processes: { p: [open, view, opened] } })
  // @ts-expect-error an unknown option
  deployment({ functions: [{ open, view }], shell, processes: { p: [open, view] }, options: { retrys: 3 } })

  const app = await run(right)
  // @ts-expect-error no function of the deployment takes this command
  app.send(Stranger({ id: '' }))
  // @ts-expect-error an event is not sent
  app.send(Opened({ id: '' }))
  // @ts-expect-error waits for something that does not exist
  app.send(Open({ id: '' }), { wait: 'written' })
  // @ts-expect-error wrong arguments of a query
  app.query(asked, { id: 1 })
  // @ts-expect-error another command than the resolver's
  app.answer(opened, Stranger({ id: '' }))
  const sent = await app.send(Open({ id: '' }))()
  // @ts-expect-error not a rejection code of this command
  if (sent._tag === 'Right' && sent.right.rejection?.code === 'no-funds') return sent
  // @ts-expect-error rejected: there are no events
  if (sent._tag === 'Right' && sent.right.rejection) return sent.right.events[0]
  // @ts-expect-error not a reason why there is no outcome
  if (sent._tag === 'Left' && sent.left.notHandled === 'lost') return sent
  // and what is right: the code, the constraint, the event's data, the answers
  if (sent._tag === 'Right' && (sent.right.rejection?.code === 'closed' || sent.right.rejection?.code === 'constraint')) return sent.right.rejection.message
  if (sent._tag === 'Right' && sent.right.events) return sent.right.events[0]?.data.id.length
  const limit = await app.query(asked, { id: '' })(), answer = await app.answer(opened, Open({ id: '' }))()
  if (limit._tag === 'Right') return limit.right.toFixed()
  // @ts-expect-error the answer may be absent, and is an Option then
  if (answer._tag === 'Right' && answer.right._tag === 'Right') return answer.right.right.id
  return answer._tag === 'Right' && answer.right._tag === 'Right' && answer.right.right?._tag === 'Some' ? answer.right.right.value.id : undefined
}
test('wrong deployments and calls do not compile: the build says so', () => { if (typeof programs !== 'function') throw new Error('the programs are gone') })
test.run()
