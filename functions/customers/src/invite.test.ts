import { accept, reject } from '@lowtide/core'
import { context, message, spec } from '@lowtide/testing'
import * as O from 'fp-ts/lib/Option.js'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { customerView, inviteCustomer, invited, welcome } from './invite.js'
import { CustomerInvited, InviteCustomer } from './messages.js'
import { mail } from './ports.js'
import { customerViews, customers } from './tables.js'

const ann = { id: 'c1', email: 'ann@example.org' }
const annInvited = CustomerInvited({ customerId: ann.id, email: ann.email })
const view = { ...ann, invited: true }

const inviting = suite('invite-customer')

inviting('invites an unknown customer, under an id of its own', () => spec(inviteCustomer, {
  when: InviteCustomer({ email: ann.email }),
  then: ctx => accept(CustomerInvited({ customerId: ctx.id('customer'), email: ann.email })),
}))

inviting('invites somebody else beside those that are there', () => spec(inviteCustomer, {
  given: [annInvited],
  when: InviteCustomer({ email: 'bob@example.org' }),
  then: ctx => accept(CustomerInvited({ customerId: ctx.id('customer'), email: 'bob@example.org' })),
}))

inviting('rejects whom it has invited', () => spec(inviteCustomer, {
  given: [annInvited],
  when: InviteCustomer({ email: ann.email }),
  then: reject('already-invited', 'Customer already invited'),
}))

inviting('rejects whom the rows hold', () => spec(inviteCustomer, {
  given: [customers.insert(ann)],
  when: InviteCustomer({ email: ann.email }),
  then: 'already-invited',
}))

inviting('takes an email in other letters, with spaces around it, for the same', () => {
  for (const email of ['  ann@example.org', 'ann@example.org\t\n', 'ANN@Example.ORG', ' Ann@Example.Org ']) {
    spec(inviteCustomer, { given: [annInvited], when: InviteCustomer({ email }), then: 'already-invited' })
  }
})

inviting('keeps the email as it was normalised, in the event and as the key of the command', () => {
  spec(inviteCustomer, {
    when: InviteCustomer({ email: ' Ann@Example.ORG ' }),
    then: ctx => accept(CustomerInvited({ customerId: ctx.id('customer'), email: ann.email })),
  })
  assert.is(message(InviteCustomer, { email: ' Ann@Example.ORG ' }).subject, ann.email)
})

inviting('does not even see what is no email', () => {
  for (const email of ['', ' ', 'ann', 'ann@', '@example.org', 'ann example@example.org']) {
    assert.throws(() => message(InviteCustomer, { email }), /email/)
  }
})

inviting('is a function that can be called', () => {
  const call = message(InviteCustomer, { email: ann.email })
  const decide = (existing: O.Option<typeof ann>) => inviteCustomer.operate(context(), call, { existing })
  assert.equal(decide(O.none), accept(CustomerInvited({ customerId: context().id('customer'), email: ann.email })))
  assert.equal(decide(O.some(ann)), reject('already-invited', 'Customer already invited'))
})

inviting('gives a message the same id for its customer for ever, and another message another', () => {
  const idFor = (email: string, id = 'm1') => context({ message: message(InviteCustomer, { email }, { id }), handler: inviteCustomer.name }).id('customer')
  assert.is(idFor(ann.email), idFor(' ANN@example.org'))
  assert.is(idFor(ann.email), 'b4f8da81-26d3-81b5-a4a3-71797f23f7ff')
  assert.is.not(idFor(ann.email), idFor(ann.email, 'm2'))
})

inviting.run()

const viewing = suite('customer-view')

viewing('shows an invited customer', () => spec(customerView, { when: annInvited, then: { customer_views: [view] } }))

viewing('shows each of them', () => spec(customerView, {
  when: [annInvited, CustomerInvited({ customerId: 'c2', email: 'bob@example.org' })],
  then: { customer_views: [view, { id: 'c2', email: 'bob@example.org', invited: true }] },
}))

viewing('shows a customer once, however often the event comes', () => spec(customerView, {
  given: [annInvited],
  when: [annInvited, annInvited],
  then: { customer_views: [view] },
}))

viewing.run()

const welcoming = suite('welcome')

welcoming('sends a mail to whoever was invited', () => spec(welcome, {
  when: annInvited,
  then: accept(mail.effect({ to: ann.email, template: 'welcome' })),
}))

welcoming.run()

const answering = suite('answer-InviteCustomer')
const invite = InviteCustomer({ email: ann.email })

answering('gives the view of the customer', () => spec(invited, {
  given: [customerViews.put(view), customerViews.put({ id: 'c2', email: 'bob@example.org', invited: true })],
  when: { command: invite, events: [annInvited] },
  then: O.some(view),
}))

answering('gives none while there is no view', () => spec(invited, { when: { command: invite, events: [annInvited] }, then: O.none }))

answering('is not asked where nobody was invited', () => spec(invited, { when: { command: invite, events: [] }, then: undefined }))

answering.run()
