// One process of a deployment, in an operating system process of its own. It is told to stop by the channel to whoever started it; when that closes,
// whoever it was is gone, however it ended, and this one ends as well.
import type { AnyApp } from '../deployment.js'
import { deploymentOf } from '../door.js'
import { run } from '../run.js'
import type { Told } from './told.js'

/** Milliseconds beyond the grace of the deployment after which it ends, closed or not. */
const late = 500
const [, , main = '', only = ''] = process.argv
const tell = (told: Told): Promise<void> => new Promise(resolve => { if (process.connected) process.send?.(told, undefined, undefined, () => resolve()); else resolve() })

let app: AnyApp | undefined, asked = false, grace = 0
const stop = (): void => {
  if (asked) return
  asked = true
  setTimeout(() => process.exit(1), grace + late)
  void app?.close().then(() => process.exit(0))
}
process.on('SIGINT', () => {}) // Ctrl-C reaches whoever started it as well, who stops all in the right order
process.on('SIGTERM', stop).on('message', stop).on('disconnect', stop)
if (!process.connected) process.exit(1) // they were gone before this was read

/** What wiring, a shell or the system finds is all in its message; of anything else the stack is wanted. */
const said = (e: unknown): string => !(e instanceof Error) ? String(e) : 'code' in e || (e.cause instanceof Error && 'syscall' in e.cause) ? e.message : e.stack ?? e.message
try {
  const d = await deploymentOf(main)
  grace = d.options.grace
  app = await run(d, { only, signals: false })
  await tell({ runs: true, port: app.port })
  if (asked) await app.close().then(() => process.exit(0))
} catch (e) {
  await tell({ failed: said(e) })
  process.exit(1)
}
