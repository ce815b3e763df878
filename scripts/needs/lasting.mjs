/** Milliseconds after which a start that was told to stop is given up; what it has started ends by itself. */
const grace = 5_000

/**
 * Sees to it that what a project needs ends after the project: when nothing is left to do in this process. A signal is the project's business
 * once it runs; until then, and when it comes again, it is ours, and ends with 0 as well.
 */
export const lasting = () => {
  let stops = [], asked = false, runs = false, ending
  const end = () => ending ??= (async () => { for (const { stop } of stops.toReversed()) await stop() })()
  const heard = name => {
    if (asked) return
    asked = true
    if (!runs) setTimeout(() => process.exit(0), grace).unref()
    else if (process.listenerCount(name) === 1) void end().then(() => process.exit(0)) // its main is still being read
  }
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => heard(name))
  process.on('beforeExit', () => { void end() })
  return {
    /** Whether somebody has asked to stop before the project runs. */
    isOver: () => asked,
    holds: found => { stops = found },
    begins: () => { runs = true },
    end,
  }
}
