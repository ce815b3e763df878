import type { Asking } from './asking.js'

const query = 'mutation Invite($email: String!) { InviteCustomer(email: $email) { id invited } }'
const answer = /^\{"data":\{"InviteCustomer":\{"id":"[0-9a-f-]{36}","invited":true\}\}\}$/
/** Each request invites somebody else. */
export const asking: Asking = {
  path: '/graphql', body: index => JSON.stringify({ query, variables: { email: `customer-${index}@example.org` } }),
  right: (_index, status, found) => status === 200 && answer.test(found),
}
