/** With what GraphiQL opens. */
export const example = `mutation { InviteCustomer(email: "ada@example.com") { id invited } }
`

/** What a newcomer reads once requests are served. */
export const greeting = (url: string): string => `Lowtide serves GraphQL at ${url}

Open it in a browser, or paste:

  curl ${url} -H 'content-type: application/json' \\
    -d '{"query": "mutation { InviteCustomer(email: \\"ada@example.com\\") { id invited } }"}'

Ctrl-C stops it.`
