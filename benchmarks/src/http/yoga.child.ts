import { createYoga } from 'graphql-yoga'
import { executed, schema } from './constant.js'
import { serve } from './serve.js'

/** Yoga as it is, without pages for people. Its cache of parsed and validated documents is on, as it is by default. */
await serve(createYoga({ schema, logging: false, graphiql: false, landingPage: false }), executed)
