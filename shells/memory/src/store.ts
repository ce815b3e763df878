import type { Failure, Store } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { commit } from './commit.js'
import { fetch } from './fetch.js'
import type { Instance } from './instance.js'
import { isMessage } from './log.js'
import { shadow } from './shadow.js'
import type { Site } from './stage.js'
import type { State } from './state.js'
import { unknownTable } from './tables.js'

/** A world's state as one instance sees it. */
export const store = (state: State, by: Instance): Store => {
  const { tables, log, inbox, parking, consumers } = state
  const site: Site = { find: tables.get, to: tables.to, unknown: name => unknownTable(name, tables.all()) }
  return {
    fetch: asked => by.port(() => fetch(site, asked)),
    commit: unit => by.port(() => commit(state, by, site, unit)),
    seen: asked => by.port(() => E.right(asked.flatMap(({ consumer, id }) => inbox.get(consumer, id) ?? []))),
    applied: consumer => by.port(() => E.right({ upTo: consumers.applied(consumer), parked: parking.count(consumer) })),
    parked: filter => by.port(() => E.right(parking.list(filter))),
    unpark: (id, how) => by.port((): E.Either<Failure, void> => {
      const fault = how === 'redrive' ? parking.redrive(id) : parking.discard(id)
      if (fault !== undefined) return E.left(fault)
      state.news('parked', by)
      return E.right(undefined)
    }),
    history: (channels, after, limit) => by.port(() => {
      const { entries, at, upTo } = log.read(channels, after, limit)
      return E.right({ messages: entries.filter(isMessage), at: at.filter((_, i) => isMessage(entries[i]!)), upTo })
    }),
    shadow: tables => by.port(() => shadow(state, by, tables)),
    watch: by.watch,
  }
}
