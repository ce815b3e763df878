import type { Told } from './told.js'

// A process of the tests: it runs until it is told to stop, or does what its argument says.
const [, , how = ''] = process.argv, tell = (told: Told): void => { process.send?.(told) }
process.on('disconnect', () => process.exit())
process.on('message', () => { if (how !== 'deaf') process.exit(0) })
if (how === 'fails') { tell({ failed: 'this one cannot' }); process.exitCode = 1; process.disconnect?.() }
else if (how === 'dies') process.kill(process.pid, 'SIGKILL')
else tell({ runs: true, port: how === 'listens' ? 1 + Number(process.env['LOWTIDE_TEST_PORT'] ?? 4000) : undefined })
