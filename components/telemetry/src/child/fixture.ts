import { postgres } from '@lowtide/postgres'
import { run } from '@lowtide/run'
import { parcelsOf, sdk } from '../fixture.js'

// The worker as a process of its own; it tells its spans to whoever asks, and ends with whoever started it.
process.on('disconnect', () => process.exit())
const { observe, spans } = sdk()
await run(parcelsOf(postgres({ url: process.argv[2]!, connections: 4 })), { only: 'worker', observe, signals: false })
process.on('message', () => { process.send?.(spans()) })
process.send?.('ready')
