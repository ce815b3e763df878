import { customerView, functions, InviteCustomer, inviteCustomer, welcome } from '@lowtide/customers'
import { memory } from '@lowtide/memory'
import { deployment, run } from '@lowtide/run'
import { invitation } from './answer.js'
import { sink } from './mail.js'
import { program } from './program.js'

/*
 * One process, in memory, no HTTP:
 *
 *   file --> InviteCustomer --> invite-customer --> CustomerInvited --+--> customer-view
 *                                                                     +--> welcome --> mail, a sink
 */

const mail = sink()

const app = await run(deployment({
  functions: [functions],
  shell: memory(),
  processes: {
    handlers:  [inviteCustomer, welcome],
    projector: [customerView],
  },
  ports: { mail: { effect: mail.effect } },
}), { signals: false })

process.exitCode = await program(process, {
  invite: email => app.send(InviteCustomer({ email }), { wait: 'handled' })().then(invitation),
  mails: mail.count,
  close: app.close,
})
