/** With what GraphiQL opens. */
export const example = `mutation Invite {
  InviteCustomer(email: "ada@example.com") { id invited }
}

query Everybody {
  Customers(first: 20) {
    edges { node { id email } }
    pageInfo { hasNextPage endCursor }
  }
}

subscription Invitations {
  CustomerInvited { id email }
}
`

/** What a newcomer reads once requests are served. `page`: whether a browser finds GraphiQL there. */
export const greeting = (url: string, { page }: { readonly page: boolean }): string => `Lowtide serves GraphQL at ${url}

${page ? 'Open it in a browser, or paste' : 'Paste'}:

  curl ${url} -H 'content-type: application/json' \\
    -d '{"query": "mutation { InviteCustomer(email: \\"ada@example.com\\") { id invited } }"}'

Ctrl-C stops it.`
