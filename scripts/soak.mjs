import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { root } from './workspaces.mjs'

// npm run soak [-- --clients 10000 --mutations 100000]: what a server holds after a long run.
await build(['benchmarks'])
await import(pathToFileURL(join(root, 'benchmarks/dist/soak.js')).href)
