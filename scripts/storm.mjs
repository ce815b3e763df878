import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { root } from './workspaces.mjs'

// npm run storm postgres [-- --help]: a ledger while everything around it is killed.
try {
  await build(['benchmarks'])
} catch (error) {
  console.error(`npm run storm: ${error.message}`)
  process.exit(1)
}
await import(pathToFileURL(join(root, 'benchmarks/dist/storm/main.js')).href)
