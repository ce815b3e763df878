import { randomUUID } from 'node:crypto'
import { limiting, limits } from '@lowtide/graphql'
import { typeDefs } from '@lowtide/customers'
import { createSchema, createYoga } from 'graphql-yoga'
import { serve } from './serve.js'

let done = 0
const id = randomUUID(), limited = process.argv[2] === 'limited'
const schema = createSchema({ typeDefs: ['directive @from(field: String!) on FIELD_DEFINITION', typeDefs], resolvers: { Mutation: { InviteCustomer: () => { done++; return { id, invited: true } } } } })
/** A bare Yoga whose resolver does nothing but answer, without and with the limits of our front. */
const yoga = createYoga({ schema, logging: false, graphiql: false, landingPage: false, multipart: false, cors: false, plugins: limited ? [limiting(limits, true)] : [] })
await serve((request, response) => {
  if (limited && Number(request.headers['content-length']) > limits.body) response.writeHead(413).end()
  else void yoga(request, response)
}, () => done)
