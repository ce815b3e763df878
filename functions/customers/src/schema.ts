/** What a GraphQL front shows: a mutation is the command of its name, a query the query, a subscription the event. */
export const typeDefs = /* GraphQL */ `
  type Mutation {
    "Invites a customer; answers once the customer can be read."
    InviteCustomer(email: String!): Customer
  }

  type Query {
    Customer(id: ID!): Customer
    "Customers in the order of their ids, at most 100 a page; 'after' takes the 'endCursor' of the page before."
    Customers(first: Int! = 20, after: String): CustomerPage!
  }

  type Subscription {
    "Each customer from now on."
    CustomerInvited: CustomerInvited!
  }

  type Customer {
    id: ID!
    email: String!
    invited: Boolean!
  }

  type CustomerInvited {
    id: ID! @from(field: "customerId")
    email: String!
  }

  type CustomerPage {
    edges: [CustomerEdge!]!
    pageInfo: PageInfo!
  }

  type CustomerEdge {
    node: Customer!
    cursor: String!
  }

  type PageInfo {
    hasNextPage: Boolean!
    endCursor: String
  }
`
