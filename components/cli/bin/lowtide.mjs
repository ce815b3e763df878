#!/usr/bin/env node
import { existsSync } from 'node:fs'

const entry = new URL('../dist/index.js', import.meta.url)
if (existsSync(entry)) {
  process.setSourceMapsEnabled(true)
  const { lowtide } = await import(entry.href)
  process.exit(await lowtide(process.argv.slice(2))) // what the project's main has opened would keep this process
}
console.error("lowtide: @lowtide/cli is not built: its folder 'dist' is missing; run 'npm run build' first")
process.exitCode = 1
