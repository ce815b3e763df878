import type { Outcome } from '@lowtide/core'
import { type RetentionOptions, postgres } from '@lowtide/postgres'
import { type AnyDeployment, type NotHandled, deployment, planOf, start, system } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import { checked, inviting } from '../invite.js'
import { urlHere } from './site.js'

/** Makes the tables of a deployment, as `lowtide migrate` does. */
export const migrate = async (d: AnyDeployment): Promise<void> => {
  const done = await d.shell.verbs!.find(verb => verb.name === 'migrate')!.run(planOf(d, system), new Set())()
  if (E.isLeft(done)) throw new Error(done.left.failure)
}

const { Invite, handler } = inviting(checked)
/** Invites by whole commands through `app.send`; `again` says that the email was taken, and anything else is a fault. */
export const deployed = async (schema: string, { made = false, retention = {} }: { readonly made?: boolean; readonly retention?: RetentionOptions } = {}) => {
  const d = deployment({ functions: [{ handler }], shell: postgres({ url: await urlHere(), schema, retention }), processes: { all: [handler] } })
  if (!made) await migrate(d)
  const app = await start(d, system), send = app.send as (draft: ReturnType<typeof Invite>) => () => Promise<E.Either<NotHandled, Outcome>>
  return {
    invite: async (email: string): Promise<'invited' | 'again'> => {
      const answer = await send(Invite({ email }))()
      if (E.isLeft(answer)) throw new Error(`the command of '${email}' was not handled: ${answer.left.message}`)
      const { rejection, events } = answer.right
      if (rejection === undefined ? events.length !== 1 : rejection.code !== 'already-invited') throw new Error(`the command of '${email}' was answered ${JSON.stringify(answer.right)}`)
      return rejection === undefined ? 'invited' : 'again'
    },
    /** What `lowtide <name>` does; an alarm is a fault here. */
    verb: async (name: string): Promise<unknown> => {
      const done = await d.shell.verbs!.find(verb => verb.name === name)!.run(planOf(d, system), new Set())()
      if (E.isLeft(done)) throw new Error(done.left.failure)
      return done.right.data
    },
    close: (): Promise<void> => app.close(),
  }
}
