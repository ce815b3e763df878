import { type Benchmark, figure } from '../figure.js'
import { child } from '../http/child.js'
import { progress } from '../report.js'
import { migrate } from './deployed.js'
import { projecting } from './projecting.js'
import { auditStored, drop, newSchema, number, urlHere } from './site.js'

const nameOf = (events: number): string => `postgres/heap-${events}`
/** What one process holds after so many events, against what it held after a tenth of them. */
export const heap: Benchmark = {
  names: ({ rows }) => [nameOf(rows.at(-1)!)],
  run: async function* ({ rows }) {
    const most = rows.at(-1)!, schema = newSchema(), url = await urlHere(), steps = 10
    await migrate(projecting(url, schema))
    const process = child('../postgres/heap.child.js', url, schema)
    let first = 0, bytes = 0
    try {
      for (let step = 1; step <= steps; step++) {
        bytes = await process.ask<number>(Math.round(most * step / steps))
        if (step === 1) first = bytes
        progress(`${nameOf(most)}: ${(bytes / 2 ** 20).toFixed(1)} MiB after ${Math.round(most * step / steps)} events`)
      }
      await process.ask('close')
      await auditStored(schema, { commands: most })
      const views = await number(`select count(distinct id) from ${schema}.customer_views`)
      if (views !== most) throw new Error(`expected ${most} views of customers, found ${views}`)
    } finally { await process.close(); await drop(schema) }
    yield figure(nameOf(most), 'MiB', [[bytes / 2 ** 20, first / 2 ** 20]], { atMost: 1.2 })
  },
}
