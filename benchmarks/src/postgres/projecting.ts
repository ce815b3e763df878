import type { Shell, Unit } from '@lowtide/core'
import { customerView, inviteCustomer } from '@lowtide/customers'
import { postgres } from '@lowtide/postgres'
import { deployment } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'

/** Milliseconds on a clock that all processes share. */
export const clock = (): number => performance.timeOrigin + performance.now()
/** A shell that tells of each unit when it was committed, and of none that lost. */
const watched = (shell: Shell, committed: (unit: Unit, at: number) => void): Shell => ({
  ...shell,
  open: plan => TE.map(({ store, ...rest }: typeof shell.open extends (plan: never) => TE.TaskEither<unknown, infer O> ? O : never) => ({
    ...rest, store: { ...store, commit: (unit: Unit) => async () => { const done = await store.commit(unit)(), at = clock(); if (E.isRight(done) && done.right.conflict === undefined) committed(unit, at); return done } },
  }))(shell.open(plan)),
})

/** The command and the projector behind it, as processes that may stand apart. */
export const projecting = (url: string, schema: string, { poll = 500, committed = () => {} }: { readonly poll?: number; readonly committed?: (unit: Unit, at: number) => void } = {}) => deployment({
  name: 'bench', functions: [{ inviteCustomer, customerView }], shell: watched(postgres({ url, schema }), committed),
  processes: { handlers: [inviteCustomer], projector: [customerView] }, options: { poll },
})
/** Whether a unit is one of the projector's. */
export const isProjected = ({ checkpoints, writes }: Unit): boolean => writes.length > 0 && checkpoints.some(c => c.consumer === customerView.name)
export const isDecided = ({ marks }: Unit): boolean => marks.some(m => m.outcome !== undefined)
