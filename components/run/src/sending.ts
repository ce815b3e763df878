import { type AnyDecider, type Draft, type Mark, type Message, type Outcome, type Runtime, type Settled, type Transport, bodyOf, contextOf, envelop, parse, seal } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import type { aside } from './aside.js'
import { type Patience, type callers, refuse } from './callers.js'
import type { Caller, NotHandled, Sending } from './front.js'
import type { Lane } from './lane.js'
import { line } from './line.js'
import { type AnyDeployment, nearest } from './wiring.js'

type Left<A> = E.Either<NotHandled, A>
interface Sends { readonly d: AnyDeployment; readonly deciders: readonly AnyDecider[]; readonly laneOf: (h: AnyDecider) => Lane | undefined; readonly transport: Transport; readonly runtime: Runtime; readonly waits: ReturnType<typeof callers>; /** Where the shell can. */ readonly within?: ReturnType<typeof aside> | undefined }

/** From a caller's draft to its outcome. The path of every command: callbacks instead of `await`, whose frames were a third of what a command allocates. */
export const sending = ({ d, deciders, laneOf, transport, runtime, waits, within }: Sends) => {
  const projectors = deciders.filter(h => h.kind === 'projector')
  const takers = new Map(deciders.filter(h => h.kind === 'command').flatMap(h => h.in.map(type => [type.type, { type, handler: h, lane: laneOf(h), enter: line(transport, [...h.in, ...h.out].map(t => t.channel)) }] as const)))
  let lastMs = NaN, lastText = ''
  const stamp = (): string => { // made once a millisecond
    const ms = runtime.now()
    if (ms !== lastMs) { lastMs = ms; lastText = new Date(ms).toISOString() }
    return lastText
  }
  const callerFault = (c: Caller, id: string): string | undefined => {
    if (c.id === undefined && c.actor === undefined && c.tenant === undefined && c.traceparent === undefined) return undefined
    try { seal({ id, actor: c.actor, tenant: c.tenant, traceparent: c.traceparent }, 'caller') } catch (e) { return e instanceof Error ? e.message : String(e) }
    return id === '' ? 'caller.id: expected a text that is not empty' : undefined
  }
  const envelopeOf = (draft: Draft, c: Caller): Left<Message> => {
    const taker = takers.get(draft.type)
    if (taker === undefined) return refuse('invalid', `no function of this deployment takes the command '${draft.type}'${nearest(draft.type, takers.keys())}`)
    const id = c.id ?? runtime.newId(), parsed = parse(taker.type.schema, draft.data), fault = callerFault(c, id)
    const made = fault !== undefined ? E.left([{ path: '', message: fault }]) : E.isLeft(parsed) ? parsed
      : envelop(taker.type, parsed.right, { id, source: d.name, time: stamp(), correlationid: id, actor: c.actor, tenant: c.tenant, traceparent: c.traceparent })
    if (E.isLeft(made)) return refuse('invalid', `'${draft.type}': ${made.left.map(i => `${i.path === '' ? '' : `${i.path}: `}${i.message}`).join('; ')}`, { commandId: id, issues: made.left })
    if (taker.handler.allow?.(contextOf(made.right, taker.handler.name, runtime.log), made.right) === false) return refuse('forbidden', `'${draft.type}' is not allowed for ${c.actor === undefined ? 'an anonymous caller' : `'${c.actor}'`}`, { commandId: id })
    return made
  }
  const markOf = (r: Settled, commandId: string): Left<Mark> => E.isRight(r) ? E.right(r.right!)
    : refuse(r.left.busy ? 'busy' : r.left.fenced || r.left.unavailable ? 'unavailable' : r.left.failure.startsWith('too-old') ? 'too-old' : 'failed', r.left.failure, { commandId })
  const projecting = ({ events = [] }: Outcome, c: Sending, after: readonly AnyDecider[] | undefined): readonly AnyDecider[] =>
    after === undefined && c.wait !== 'projected' ? [] : (after ?? projectors).filter(p => events.some(e => p.in.some(t => t.type === e.type)))

  /** Why a command cannot be decided in a transaction of its caller. */
  const barred = (c: Sending, after: unknown, lane: Lane | undefined, { name, settings }: AnyDecider): string | undefined =>
    within === undefined ? `the shell '${d.shell.name}' cannot take part in a transaction of yours; send the command without it`
    : after !== undefined || c.wait === 'projected' ? `nothing is projected before your transaction has committed; expected wait: 'handled', and ask for the projection afterwards`
    : lane === undefined ? `'${name}' does not run in this process, and only it could decide in your transaction; send it where '${name}' runs`
    : settings.needs?.oneAtATime ? `'${name}' needs oneAtATime: the owner of the key decides, in a transaction of its own; send the command without yours` : undefined

  /** Straight to the executor where this process may decide; else over the command's channel, and the outcome is waited for. `after` names the projectors to wait for, `then` gives the caller its answer. */
  return <A>(draft: Draft, c: Sending, after: readonly AnyDecider[] | undefined, then: (outcome: Outcome, message: Message, patience: Patience<A>) => void): Promise<Left<A>> => {
    const made = envelopeOf(draft, c)
    if (E.isLeft(made)) return Promise.resolve(made)
    const m = made.right, { handler, lane, type, enter } = takers.get(m.type)!, bar = c.transaction === undefined ? undefined : barred(c, after, lane, handler)
    if (bar !== undefined) return Promise.resolve(refuse('invalid', bar, { commandId: m.id }))
    return waits.within<A>(c.timeout ?? d.options.timeout, m.id, patience => {
      const decided = (mark: Left<Mark>): void => {
        if (E.isLeft(mark)) return patience.end(mark)
        if (c.id !== undefined && mark.right.body !== bodyOf(m.type, m.data)) return patience.end(refuse('id-reused', `the id '${m.id}' stands for another command already; expected the same type and data, or a new id`, { commandId: m.id }))
        const outcome = mark.right.outcome!, waitFor = projecting(outcome, c, after)
        if (waitFor.length === 0) return then(outcome, m, patience)
        return waits.projected(outcome, waitFor, patience, r => E.isLeft(r) ? patience.end(r) : then(outcome, m, patience))
      }
      const go = (): void => {
        patience.late = undefined
        if (patience.over) return
        if (c.transaction !== undefined) {
          patience.late = { notHandled: 'timeout', message: 'no answer in time: your transaction was ended with an error, so that nothing of it can stand; roll it back', commandId: m.id }
          return void within!(c.transaction, handler, m, leave => { (patience.stops ??= []).push(leave) }).then(r => 'refused' in r ? patience.end(refuse('invalid', r.refused, { commandId: m.id })) : decided(markOf(r, m.id)))
        }
        if (lane && !handler.settings.needs?.oneAtATime) lane.take(handler, m, type.channel.channel, { done: r => decided(markOf(r, m.id)) })
        else waits.outcome(m, handler.name, transport.publish([{ channel: type.channel.channel, message: m }]), patience, decided)
      }
      const leave = enter(go)
      if (leave === undefined) return
      patience.late = { notHandled: 'busy', message: 'the channels of this command are full', commandId: m.id }
      ;(patience.stops ??= []).push(leave)
    }, c.signal)
  }
}
