import { GraphQLID, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } from 'graphql'
import type { Asking } from './asking.js'

let done = 0
/** Mutations that were executed in this process. */
export const executed = (): number => done

const text = { type: new GraphQLNonNull(GraphQLString) }
const Customer = new GraphQLObjectType({ name: 'Customer', fields: { id: { type: new GraphQLNonNull(GraphQLID) }, email: text } })

/** One mutation that does nothing but answer. */
export const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: 'Query', fields: { executed: { type: GraphQLString, resolve: () => String(done) } } }),
  mutation: new GraphQLObjectType<unknown, unknown>({
    name: 'Mutation',
    fields: { inviteCustomer: { type: Customer, args: { email: text }, resolve: (_root, { email }: { email?: string }) => { done++; return { id: 'customer-1', email } } } },
  }),
})

const body = JSON.stringify({ query: 'mutation Invite($email: String!) { inviteCustomer(email: $email) { id email } }', variables: { email: 'ann@example.org' } })
const answer = '{"data":{"inviteCustomer":{"id":"customer-1","email":"ann@example.org"}}}'
export const asking: Asking = { path: '/graphql', body: () => body, right: (_index, status, found) => status === 200 && found === answer }
