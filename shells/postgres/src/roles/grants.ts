import type { Plan } from '@lowtide/core'
import type { Terms } from '../retention/terms.js'

export type Right = 'select' | 'insert' | 'update' | 'delete'
/** `both`: the role of the app, in a process that carries what leaves as well; `copy`: in one of a replica. */
export type Role = 'app' | 'relay' | 'both' | 'copy'
const carries = (consumers: Plan['consumers']): boolean => consumers.some(({ outbox }) => outbox === true)
/** A process of relays alone needs no more than `relay` may. */
export const roleOf = ({ consumers }: Pick<Plan, 'consumers'>): Role => !carries(consumers) ? 'app' : consumers.every(({ outbox }) => outbox === true) ? 'relay' : 'both'
export type Grants = { readonly [table: string]: readonly Right[] }

const all: readonly Right[] = ['select', 'insert', 'update', 'delete']
/** What the shell does with Lowtide's own tables, in the role of `app`: it decides, projects and answers. A start asks for these. */
export const ofApp: Grants = {
  lowtide_meta: ['select'], lowtide_migrations: ['select'], lowtide_log: ['select', 'insert'], lowtide_inbox: ['select', 'insert'], lowtide_outbox: ['select', 'insert'],
  lowtide_consumers: ['select', 'insert', 'update'], lowtide_instances: all, lowtide_parked: all, lowtide_ages: ['select'], lowtide_retention: ['select'], lowtide_starts: ['select', 'insert'], lowtide_removed: ['select'],
}
/** And in that of `relay`: it sends what waits in the outbox, as one consumer among others, and touches no row of a function. */
export const ofRelay: Grants = {
  lowtide_meta: ['select'], lowtide_migrations: ['select'], lowtide_log: ['select'], lowtide_inbox: ['select', 'insert'], lowtide_outbox: ['select', 'delete'],
  lowtide_consumers: ['select', 'insert', 'update'], lowtide_instances: all, lowtide_parked: all, lowtide_starts: ['select', 'insert'],
}
/** What the built-in schedule of retention does besides, as `app`. Without it the log is append-only to whoever is not its owner. */
export const ofRetention = ({ every, after, events }: Terms, someEvents: boolean): Grants => every === false ? {} : {
  lowtide_inbox: ['delete'], lowtide_ages: ['insert', 'delete'], lowtide_retention: ['update'],
  ...after.outbox !== undefined && { lowtide_outbox: ['delete'] as const }, ...(events !== undefined || someEvents) && { lowtide_log: ['delete'] as const, lowtide_removed: ['insert', 'update'] as const },
}
/** What a relay does besides in a process that runs handlers too: what is out is removed. */
export const ofCarrying = ({ everywhere }: Pick<Plan, 'everywhere'>): Grants => carries(everywhere) ? { lowtide_outbox: ['delete'] } : {}
/** What the app of a replica does besides: it notes whose log it reads, before it reads. */
export const ofCopying: Grants = { lowtide_sources: ['select', 'insert', 'update'] }
/** In this order. */
export const joined = (...rights: readonly (readonly Right[] | undefined)[]): readonly Right[] => all.filter(right => rights.some(some => some?.includes(right)))
export const complete = all
/** What a start asks for. */
export const neededBy = (role: Role): Grants => role === 'relay' ? ofRelay : role === 'app' ? ofApp : role === 'copy' ? { ...ofApp, ...ofCopying } : { ...ofApp, lowtide_outbox: joined(ofApp['lowtide_outbox'], ofRelay['lowtide_outbox']) }
