import { createYoga } from 'graphql-yoga'
import { executed, schema } from './constant.js'
import { listening } from './listener.js'
import { serve } from './serve.js'

/** Yoga as it is, without pages for people. Its cache of parsed and validated documents is on, as it is by default. */
const options = { schema, logging: false, graphiql: false, landingPage: false }
await serve(process.argv[2] === 'listener' ? listening(options) : createYoga(options), executed)
