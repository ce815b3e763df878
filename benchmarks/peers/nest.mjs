// oxlint-disable typescript/no-extraneous-class -- Nest tells commands, events and modules apart by their classes
import { randomUUID } from 'node:crypto'
import { Inject, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { CommandBus, CommandHandler, CqrsModule, EventBus, EventsHandler } from '@nestjs/cqrs'

/** The command bus of @nestjs/cqrs with a handler as its guide has it: it validates, asks a Map, keeps the customer there, and publishes an event, which a handler of events keeps in a list. */
export const nest = async validate => {
  const byEmail = new Map(), log = []

  class InviteCustomer { constructor(email) { this.email = email } }
  class CustomerInvited { constructor(customerId, email) { this.id = randomUUID(); this.data = { customerId, email } } }
  class InviteCustomerHandler {
    constructor(events) { this.events = events }
    async execute(command) {
      const parsed = validate({ email: command.email })
      if (parsed.issues !== undefined) return { refused: 'invalid' }
      const { email } = parsed.value
      if (byEmail.has(email)) return { rejected: 'already-invited', commandId: '' }
      const event = new CustomerInvited(randomUUID(), email)
      byEmail.set(email, { id: event.data.customerId, email })
      this.events.publish(event)
      return { events: [event], commandId: '' }
    }
  }
  class CustomerInvitedHandler { handle(event) { log.push(event) } }
  class Customers {}

  // What `@Decorators()` do, without a compiler for them.
  Inject(EventBus)(InviteCustomerHandler, undefined, 0)
  CommandHandler(InviteCustomer)(InviteCustomerHandler)
  EventsHandler(CustomerInvited)(CustomerInvitedHandler)
  Module({ imports: [CqrsModule.forRoot()], providers: [InviteCustomerHandler, CustomerInvitedHandler] })(Customers)

  const app = await NestFactory.createApplicationContext(Customers, { logger: false }), bus = app.get(CommandBus)
  return {
    invite: email => bus.execute(new InviteCustomer(email)),
    read: answer => answer,
    rows: async emails => emails.map(email => byEmail.get(email)?.id),
    events: async () => log.length,
    close: () => app.close(),
  }
}
