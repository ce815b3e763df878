import {
  type AnyDecider, type AnyResolver, type Executing, type Failure, type Lookups, type Message, type Outcome, type Parked, type Rejection,
  type Runtime, type Then, contextOf, executor,
} from '@lowtide/core'
import type { Front, NotHandled, Started } from './front.js'
import type { AnyApp } from './deployment.js'
import { type AnyDeployment, groupsOf, isDecider, isQuery, isResolver, nearest } from './wiring.js'
import * as E from 'fp-ts/lib/Either.js'
import { aside } from './aside.js'
import { type Patience, callers, refuse, unavailable } from './callers.js'
import { consume } from './consumer.js'
import { describe } from './describe.js'
import { lane } from './lane.js'
import { looking as lookingUp } from './look-up.js'
import { type Observe, observing } from './observe.js'
import { argsOf, open as lifted } from './open.js'
import { performersOf, planOf } from './plan.js'
import { rebuilding } from './rebuilding.js'
import { carrier, carrierOf, isRelay, relaying } from './relay.js'
import { sending } from './sending.js'

type Left<A> = E.Either<NotHandled, A>
/** Starts one process of a deployment: its handlers' lanes and consumers, then its fronts. */
export const start = async (d: AnyDeployment, runtime: Runtime, o: { readonly only?: string | undefined; readonly observe?: Observe | undefined } & Pick<Executing, 'overlay'> = {}): Promise<AnyApp> => {
  const where = `[${d.name}]`, { options } = d, only = o.only === undefined || o.only === '' ? undefined : o.only
  if (only !== undefined && !(only in d.processes)) throw new Error(`${where} has no process '${only}'${nearest(only, Object.keys(d.processes))}`)
  const members = Object.entries(d.processes).flatMap(([name, list]) => only === undefined || name === only ? list : [])
  const fronts = [...new Set(members.filter((m): m is Front => 'front' in m))], mine = [...new Set(members.filter((m): m is AnyDecider => 'kind' in m))]
  const relays = [...new Set(members.filter(isRelay))].map(relay => ({ relay, handler: carrier(relay) }))
  const deciders = d.functions.filter(isDecider), resolvers = d.functions.filter(isResolver)
  const performers = performersOf(d, mine), plan = planOf(d, runtime, mine, relays.map(r => r.relay))
  const tables = new Map(plan.tables.map(t => [t.name, t])), ports = new Map(d.functions.flatMap(h => h.ports).map(p => [p.port, p]))
  const types = new Map(deciders.flatMap(h => [...h.in, ...h.out]).map(t => [t.type, t]))
  const running = [...mine, ...performers]

  const opened = await d.shell.open(plan)()
  if (E.isLeft(opened)) throw Object.assign(new Error(`${where} the shell '${d.shell.name}' cannot start: ${opened.left.failure}`), { code: 'SHELL' })
  const { store, within } = opened.right, { unitLimit } = d.shell.guarantees, watched = observing(o.observe ?? {}, runtime)
  const transport = o.observe?.publishing ? { ...opened.right.transport, publish: watched.publishing(opened.right.transport.publish) } : opened.right.transport
  const { abreast = 1 } = d.shell, sources = new Map(running.map(({ name }) => [name, `${d.name}/${name}`])), { settling } = watched
  const env = { store, tables, ports, bindings: d.ports, log: runtime.log, fanOut: options.fanOut, unitLimit, source: (handler: string) => sources.get(handler) ?? d.name, instance: runtime.newId(), ...(o.overlay && { overlay: o.overlay }) }
  const outward = relays.map(({ relay, handler }) => ({ group: [handler], ...lane({ abreast, execute: relaying({ ...relay, publish: watched.publishing(relay.publish, relay.relay) }, store, runtime), runtime, options, unitLimit: relay.batch }) }))
  const lanes = [...[...groupsOf(mine), ...performers.map(p => [p])].map(group => ({ group, ...lane({ abreast, execute: watched.executing(executor(env)), settling, runtime, options, unitLimit }) })), ...outward]
  const laneOf = (h: AnyDecider) => lanes.find(l => l.group.includes(h))!
  const consumers = await Promise.all([...running.map(handler => ({ handler })), ...relays.map(({ relay, handler }) => ({ handler, relay: carrierOf(relay) }))].map(one => consume({ ...one, lane: laneOf(one.handler), store, transport, runtime, options })))

  let looking = false, reachable = true, stopPoll = (): void => {}
  /** Heads are many where much is parked: they are looked at for news, and now and then. */
  const headsAtMost = 1_000, headsAtLeast = 10_000
  let headed = 0, news = false
  const look = async (told = false): Promise<void> => { // hints may be lost: the poll is what counts
    news ||= told // also when it comes while the last look goes on
    if (looking) return
    looking = true
    stopPoll()
    const held = new Map(consumers.map(c => [c, c.held()])), asked = await store.parked({ state: 'redrive', brief: true })(), now = runtime.now()
    reachable = E.isRight(asked) || asked.left.unavailable !== true
    const due = now - headed >= (news ? headsAtMost : headsAtLeast) && [...held.values()].some(keys => keys.length > 0)
    if (due) news = false
    const heads = due ? await store.parked({ state: 'parked', brief: true })() : E.right([])
    if (due && E.isLeft(heads)) news = true
    else if (due) headed = now
    if (E.isRight(asked) && E.isRight(heads)) for (const [c, keys] of held) void c.look(asked.right, heads.right, due ? keys : [])
    looking = false
    if (!closing) stopPoll = runtime.after(options.poll, () => void look())
  }
  const unwatch = store.watch('parked', () => void look(true))

  const waits = callers({ store, transport, runtime, options })
  let closing: Promise<void> | undefined
  const unwatched = sending({ d, deciders, laneOf: h => mine.includes(h) ? laneOf(h) : undefined, transport, runtime, waits, within: within && aside(env, within, watched) })
  const dispatch: typeof unwatched = o.observe?.sending === undefined ? unwatched : (draft, c, after, then) => {
    let found: Outcome | undefined
    return watched.sending({ type: draft.type, channel: types.get(draft.type)?.channel.channel ?? '' }, c, traced => unwatched(draft, traced, after, (outcome, m, patience) => { found = outcome; then(outcome, m, patience) }), () => found)
  }
  const broken = (e: unknown) => refuse('failed', e instanceof Error ? e.message : String(e))
  const open = <A>(task: () => Promise<Left<A>>) => (): Promise<Left<A>> => {
    try { return closing ? Promise.resolve(refuse('unavailable', 'this process is closing')) : task() } catch (e) { return Promise.resolve(broken(e)) } // as `allow` may throw
  }

  const lookUp = lookingUp(env, runtime)
  const readBack = (lookups: () => Lookups | Then, answer: (data: unknown) => unknown, end: (a: Left<unknown>) => void): void => {
    const guarded = (call: () => void): void => { try { call() } catch (e) { end(broken(e)) } }
    guarded(() => lookUp(lookups(), data => guarded(() => end(E.isLeft(data) ? E.left(unavailable(data.left)) : E.right(answer(data.right))))))
  }
  const resolve = (r: AnyResolver, outcome: Outcome, message: Message, caller: Patience<E.Either<Rejection, unknown>>): void => {
    if (outcome.rejection) return caller.end(E.right(E.left(outcome.rejection)))
    const found: { [type: string]: readonly Message[] } = {}
    for (const { type } of r.out) {
      const events = found[type] = outcome.events.filter(e => e.type === type)
      if (events.length === 0) return caller.end(E.right(E.right(undefined)))
    }
    return readBack(() => r.lookup(found, message), r.answer, a => caller.end(E.isLeft(a) ? a : E.right(a)))
  }
  const stored = <A>(te: () => Promise<E.Either<Failure, A>>) => async (): Promise<Left<A>> => E.mapLeft(unavailable)(await te())

  /** What the store refuses for good was asked wrongly. */
  const asked = <A>(te: () => Promise<E.Either<Failure, A>>) => async (): Promise<Left<A>> => E.mapLeft((f: Failure) => f.retry ? unavailable(f) : { ...unavailable(f), notHandled: 'invalid' as const })(await te())
  const app: AnyApp = {
    send: (draft, c = {}) => open(() => dispatch<Outcome>(draft, c, undefined, (outcome, _, caller) => caller.end(E.right(outcome)))),
    answer: (r, draft, c = {}) => open(() => resolvers.includes(r)
      ? dispatch<E.Either<Rejection, unknown>>(draft, c, r.after ? [r.after] : [], (outcome, message, patience) => resolve(r, outcome, message, patience))
      : Promise.resolve(refuse('invalid', `the resolver of '${r.in[0]!.type}' is not among the functions`))),
    query: (q, args, c = {}) => open(() => {
      if (!d.functions.includes(q) || !isQuery(q)) return Promise.resolve(refuse('invalid', `the query '${q.name}' is not among the functions${nearest(q.name, d.functions.filter(isQuery).map(x => x.name))}`))
      const parsed = argsOf(q, args), now = new Date(runtime.now()).toISOString(), id = runtime.newId()
      if (E.isLeft(parsed)) return Promise.resolve(refuse('invalid', `'${q.name}': ${parsed.left.map(i => `${i.path === '' ? '' : `${i.path}: `}${i.message}`).join('; ')}`, { issues: parsed.left }))
      const ctx = contextOf({ id, source: d.name, type: q.name, subject: '', time: now, dataschema: '', data: args, correlationid: id, actor: c.actor, tenant: c.tenant }, q.name, runtime.log)
      if (q.allow?.(ctx, parsed.right) === false) return Promise.resolve(refuse('forbidden', `'${q.name}' is not allowed for ${c.actor === undefined ? 'an anonymous caller' : `'${c.actor}'`}`))
      return waits.within(c.timeout ?? options.timeout, undefined, caller => readBack(() => q.lookup(parsed.right, ctx), data => q.answer(data, parsed.right), answer => caller.end(answer)), c.signal)
    }),
    listen: (list, listener) => async () => E.mapLeft(unavailable)(await transport.subscribe({ name: `listen-${runtime.newId()}`, channels: list, broadcast: true }, {
      batch: async b => {
        for (const { message: m } of b.deliveries) {
          const type = 'type' in m ? types.get(m.type) : undefined, opened = 'raw' in m ? E.left(m.reason) : type ? lifted(type, m) : E.right(m)
          if (E.isRight(opened)) await listener(opened.right)
          else runtime.log('warn', `${where} a listener cannot read a message of '${b.channel}': ${typeof opened.left === 'string' ? opened.left : opened.left.map(i => `${i.path}: ${i.message}`).join('; ')}`, 'type' in m ? { message: m.id, correlationid: m.correlationid } : undefined)
        }
      }, revoked: () => {},
    })()),
    parked: {
      list: (filter = {}) => stored(store.parked(filter)),
      show: id => async () => E.chain((list: readonly Parked[]): Left<Parked> => list[0] ? E.right(list[0]) : refuse('invalid', `nothing parked has the id '${id}'`))(await stored(store.parked({ ids: [id] }))()),
      redrive: id => asked(store.unpark(id, 'redrive')), discard: id => asked(store.unpark(id, 'discard')),
    },
    rebuild: (h, how) => open(() => rebuilding(d, store, runtime, o)(h, how)),
    get port() { return started.find(f => f.port !== undefined)?.port },
    describe: () => describe(d), state: () => closing ? 'closing' : reachable ? 'ready' : 'unavailable',
    close: () => closing ??= (async () => {
      const until = runtime.now() + options.grace // for all steps together
      const grace = (task: Promise<unknown>): Promise<unknown> => { let stop = (): void => {}; return Promise.race([task, new Promise<void>(r => { stop = runtime.after(Math.max(0, until - runtime.now()), r) })]).finally(() => stop()) }
      await grace(Promise.all(started.map(f => f.close().catch((e: unknown) => runtime.log('error', `${where} a front could not close: ${String(e)}`)))))
      await grace(waits.idle())
      await grace(opened.right.drain())
      unwatch(); stopPoll()
      await grace(Promise.all(consumers.map(c => c.close())))
      for (const l of outward) l.close() // what is not out yet waits in the outbox: nobody waits for the outside to be back
      for (const l of lanes) l.leave()
      await grace(Promise.all(lanes.map(l => l.idle())))
      for (const l of lanes) l.close()
      waits.close()
      await opened.right.close()
    })(),
  }
  void look()
  const started: Started[] = []
  try { for (const f of fronts) started.push(await f.start(app, runtime, d.functions)) } catch (e) { await app.close(); throw e }
  return app
}
