import { customerView, example, functions, greeting, inviteCustomer, typeDefs, welcome } from '@lowtide/customers'
import { graphql } from '@lowtide/graphql'
import { httpEffect } from '@lowtide/http-effect'
import { memory } from '@lowtide/memory'
import { deployment, run } from '@lowtide/run'
import * as TE from 'fp-ts/lib/TaskEither.js'

const page = process.env['NODE_ENV'] !== 'production', welcomes = process.env['WELCOME_URL']

await run(deployment({
  name: 'gql-async',
  functions: [functions],
  shell: memory(),
  processes: {
    front: [graphql({ typeDefs, port: process.env['PORT'], example, listening: url => console.log(greeting(url, { page })) })],
    handlers: [inviteCustomer, welcome],
    projector: [customerView],
  },
  ports: { mail: welcomes ? httpEffect({ url: welcomes }) : { effect: ({ to, template }) => TE.fromIO(() => console.log(`a mail '${template}' would go to ${to}`)) } },
  options: { grace: 4_000 }, // ends within 5 s of SIGTERM
}))
