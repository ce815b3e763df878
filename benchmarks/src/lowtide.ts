import type { Outcome, Schema, Shell, Store } from '@lowtide/core'
import type { NotHandled } from '@lowtide/run'
import { customers } from '@lowtide/customers'
import { memory } from '@lowtide/memory'
import { deployment, start, system } from '@lowtide/run'
import * as E from 'fp-ts/lib/Either.js'
import * as TE from 'fp-ts/lib/TaskEither.js'
import { type Invite, inviting } from './invite.js'
import type { Inviter } from './inviter.js'
import { fetched, logged } from './store.js'

/** A shell that hands its store to the audits as well. */
const watched = (shell: Shell, opened: (store: Store) => void): Shell => ({
  ...shell, open: plan => TE.map((o: { store: Store }) => { opened(o.store); return o })(shell.open(plan)) as ReturnType<Shell['open']>,
})

/** The deployment that is measured: one process, in memory. */
export const lowtide = async (schema: Schema<Invite, Invite>): Promise<Inviter<E.Either<NotHandled, Outcome>>> => {
  const { Invite, Happened, handler } = inviting(schema)
  let store: Store | undefined
  const app = await start(deployment({
    functions: [{ handler }],
    shell: watched(memory(), opened => { store = opened }),
    processes: { all: [handler] },
  }), system)
  return {
    invite: (email, id) => app.send(Invite({ email }), id === undefined ? { wait: 'handled' } : { wait: 'handled', id })(),
    read: answer => E.isLeft(answer) ? { refused: answer.left.notHandled } : answer.right.rejection ? { rejected: answer.right.rejection.code, commandId: answer.right.commandId } : answer.right,
    rows: async emails => (await fetched(store!, emails.map(email => customers.by('email', email)))).map(row => row && String(row['id'])),
    events: () => logged(store!, Happened.channel),
    close: () => app.close(),
  }
}
