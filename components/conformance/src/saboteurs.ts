import { type Emit, type Mark, type Message, type Outcome, overlay } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { changed } from './around.js'
import { type Saboteur, answering, commit, delivered, nothing, stands, store, transport } from './sabotage.js'

const isEvent = (m: Pick<Mark, 'consumer'>): boolean => m.consumer !== ''
const markId = (m: Pick<Mark, 'consumer' | 'id'>): string => `${m.consumer} ${m.id}`
/** What none of them touches. */
const spares = 'as soon as it is handled, where nothing has to be projected'
let ids = 0

/** Each breaks one thing. Where a law is named, that law must fail; none of them may go unnoticed. */
export const saboteurs: readonly Saboteur[] = [
  {
    name: 'loses a message on retry', law: 1, spares,
    shell: store(s => {
      const failed = new Set<string>()
      return {
        commit: unit => async () => {
          if (unit.marks.some(m => failed.has(markId(m)))) return s.commit({ ...nothing, marks: unit.marks, checkpoints: unit.checkpoints })()
          const r = await s.commit(unit)()
          if (E.isLeft(r)) for (const m of unit.marks) failed.add(markId(m))
          return r
        },
      }
    }),
  },
  { name: 'moves the position before the effects', law: 1, spares, shell: commit(async (unit, commit) => {
    const moved = await commit({ ...nothing, checkpoints: unit.checkpoints })
    return stands(moved) ? commit({ ...unit, checkpoints: [] }) : moved
  }) },
  { name: 'applies twice', law: 2, spares, shell: commit((unit, commit) => commit({ ...unit, marks: unit.marks.map(m => isEvent(m) ? { ...m, id: `${m.id} ${ids++}`, at: undefined } : m) })) },
  { name: 'half-commits a unit', law: 3, spares, shell: commit((unit, commit) => commit({ ...unit, writes: unit.writes.slice(0, Math.ceil(unit.writes.length / 2)) })) },
  { name: 'shows a failed message’s staged changes to its neighbour', law: 3, spares, overlay: (...args) => ({ ...overlay(...args), undo: () => {} }) },
  { name: 'reorders a key after a retry', law: 4, spares, shell: transport(t => delivered(t, m => ({ ...m, subject: `${m.subject} ${ids++}` }))) },
  {
    name: 'gives a message to one handler only', law: 5, spares,
    shell: transport(t => {
      const taken = new Map<string, string>()
      return delivered(t, (m, consumer) => { const by = taken.get(m.id) ?? consumer; taken.set(m.id, by); return by === consumer ? m : undefined })
    }),
  },
  {
    name: 'skips what commits late', law: 6, spares, // as one who reads on from the highest number that he saw
    shell: shell => changed(shell, o => {
      const last = new Map<string, number>()
      const numbered = (e: Emit): Emit => ({ ...e, message: { ...e.message, traceparent: String(ids++) } })
      return {
        ...o,
        store: {
          ...o.store,
          commit: unit => async () => {
            const late = { ...unit, emits: unit.emits.map(numbered) }
            if (ids % 2 === 0) await new Promise(resolve => { setImmediate(resolve) })
            return o.store.commit(late)()
          },
        },
        transport: {
          ...o.transport,
          ...delivered(o.transport, (m, consumer, partition) => {
            const at = `${consumer} ${partition}`, number = Number(m.traceparent ?? 0), before = last.get(at) ?? -1
            last.set(at, Math.max(before, number))
            return number < before ? undefined : m
          }),
        },
      }
    }),
  },
  {
    name: 'lets a key pass a parked event', law: 7, spares,
    shell: shell => changed(shell, o => {
      const parked = new Set<string>()
      return {
        ...o,
        store: { ...o.store, commit: unit => { for (const p of unit.parks) if (p.state === 'parked') parked.add(`${p.consumer} ${p.key}`); return o.store.commit(unit) } },
        transport: { ...o.transport, ...delivered(o.transport, (m, consumer) => parked.has(`${consumer} ${m.subject}`) ? { ...m, subject: `${m.subject} passes` } : m) },
      }
    }),
  },
  {
    name: 'answers before the projection', law: 8, spares,
    shell: store(s => {
      const atOnce = (m: Mark): Mark => m.outcome ? { ...m, outcome: { ...m.outcome, upTo: [] } satisfies Outcome } : m
      return { commit: unit => async () => answering(await s.commit(unit)(), atOnce), seen: asked => async () => E.map((marks: readonly Mark[]) => marks.map(atOnce))(await s.seen(asked)()) }
    }),
  },
  { name: 'forgets an outcome', law: 9, spares, shell: store(s => {
    const outcomes = new Map<string, Mark>()
    return {
      commit: unit => async () => {
        const r = await s.commit({ ...unit, marks: unit.marks.map(m => isEvent(m) ? m : { ...m, id: `${m.id} ${ids++}` }) })()
        if (stands(r)) for (const m of unit.marks) if (!isEvent(m)) outcomes.set(markId(m), m)
        return r
      },
      seen: asked => async () => E.map((marks: readonly Mark[]) => [...marks, ...asked.flatMap(a => outcomes.get(markId(a)) ?? [])])(await s.seen(asked.filter(isEvent))()),
    }
  }) },
  { name: 'gives the old outcome to a repeated id with another body', law: 9, spares, shell: commit(async (unit, commit) => {
    const r = await commit(unit)
    if (E.isLeft(r) || r.right.conflict === undefined) return r
    const { conflict } = r.right
    return E.right({ conflict: { ...conflict, seen: conflict.seen.map(m => ({ ...m, body: unit.marks.find(x => markId(x) === markId(m))!.body })) } })
  }) },
  { name: 'has an unbounded buffer', law: 10, spares, shell: transport(t => ({ subscribe: (consumer, on) => t.subscribe(consumer, { ...on, batch: async b => { void on.batch(b) } }) })) },
  { name: 'never lets intake wait', law: 10, spares, shell: transport(() => ({ room: () => undefined })) },
  { name: 'drops on close', law: 11, spares, shell: shell => changed(shell, o => {
    let closing = false
    return {
      ...o, drain: async () => { closing = true },
      store: { ...o.store, commit: unit => closing ? () => o.store.commit({ ...nothing, marks: unit.marks, checkpoints: unit.checkpoints })() : o.store.commit(unit) },
    }
  }) },
  { name: 'fires effects on a replay', law: 12, spares, shell: shell => changed(shell, o => {
    const fired: Emit[] = []
    return {
      ...o,
      store: {
        ...o.store,
        commit: unit => { fired.push(...unit.emits.filter(e => e.channel.startsWith('effect-'))); return o.store.commit(unit) },
        shadow: tables => async () => {
          await o.transport.publish(fired.map(e => ({ ...e, message: { ...e.message, id: `${e.message.id} again` } })))()
          return o.store.shadow(tables)()
        },
      },
    }
  }) },
  { name: 'hears only itself', law: 13, spares, shell: shell => changed(shell, o => {
    const own = new Set<string>(), told = (emits: readonly Emit[]): void => { for (const e of emits) own.add(e.message.id) }
    return {
      ...o,
      store: { ...o.store, commit: unit => { told(unit.emits); return o.store.commit(unit) } },
      transport: {
        ...o.transport, ...delivered(o.transport, (m): Message | undefined => m.causationid === undefined || own.has(m.id) ? m : undefined),
        publish: emits => { told(emits); return o.transport.publish(emits) },
      },
    }
  }) },
  {
    name: 'ignores a unique index', law: 14, spares,
    shell: shell => changed(shell, o => ({
      ...o,
      store: {
        ...o.store,
        fetch: asked => o.store.fetch(asked.map(l => l.ask.op === 'by' ? { ...l, ask: { op: 'where', at: `${l.ask.index} ${l.ask.at}`, equal: l.ask.key, limit: 1 } } : l)),
        commit: unit => o.store.commit({ ...unit, checks: unit.checks.filter(c => c.index === undefined) }),
      },
    }), plan => ({ ...plan, tables: plan.tables.map(t => ({ ...t, unique: [], indexes: [...t.indexes, ...t.unique] })) })),
  },
  { name: 'skips the check of what was read', law: 14, spares, shell: commit((unit, commit) => commit({ ...unit, checks: unit.checks.filter(c => c.version === undefined) })) },
  { name: 'skips the check of what was read and absent', law: 14, spares, shell: commit((unit, commit) => commit({ ...unit, checks: unit.checks.filter(c => c.version !== undefined) })) },
  {
    name: 'makes ids from a counter', law: 15, spares,
    shell: commit(async (unit, commit) => {
      const renamed = new Map(unit.emits.map(e => [e.message.id, { ...e, message: { ...e.message, id: `id ${ids++}` } }]))
      return commit({
        ...unit, emits: unit.emits.map(e => renamed.get(e.message.id)!),
        marks: unit.marks.map(m => m.outcome?.events ? { ...m, outcome: { ...m.outcome, events: m.outcome.events.map(e => renamed.get(e.id)?.message ?? e) } } : m),
      })
    }),
  },
]
