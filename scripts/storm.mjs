import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { root } from './workspaces.mjs'

// npm run storm postgres -- [--messages 100000] [--seed 1] [--seconds 600] [--json]: a ledger while everything around it is killed.
await build(['benchmarks'])
await import(pathToFileURL(join(root, 'benchmarks/dist/storm/main.js')).href)
