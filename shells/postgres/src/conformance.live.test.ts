// time limit: 600 s
import { conformance, processes, serve } from '@lowtide/conformance'
import { postgres } from './postgres.js'
import type { Given } from './world/fixture.js'

// This file is also its own instance: a process of the deployment.
const instance = '--instance'
if (process.argv.includes(instance)) serve(({ url, schema }: Given) => ({ join: () => ({ ...postgres({ url, schema, connections: 4 }), kill: () => {} }) }))
else {
  const { ground } = await import('./world/fixture.js')
  conformance({ name: 'postgres', make: processes(new URL(import.meta.url), ground, [instance]), effort: 0.03 })
}
