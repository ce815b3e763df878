import { replicaOf } from '../fixture.js'

// A process of the second service, until it is ended.
process.on('disconnect', () => process.exit())
await replicaOf(JSON.parse(process.argv[2]!) as Parameters<typeof replicaOf>[0])
process.send?.({ ready: true })
