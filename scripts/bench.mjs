import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { root } from './workspaces.mjs'

const main = join(root, 'benchmarks/dist/main.js')

try {
  await build(['benchmarks'])
} catch (error) {
  console.error(`npm run bench: ${error.message}`)
  process.exit(1)
}
if (!existsSync(main)) {
  console.error("npm run bench: there is no benchmark; expected them in 'benchmarks/src/main.ts'")
  process.exit(1)
}
process.argv = [process.execPath, main, ...process.argv.slice(2)]
await import(pathToFileURL(main).href)
