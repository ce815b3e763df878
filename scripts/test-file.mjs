import { pathToFileURL } from 'node:url'

// Runs one test file as a child of test.mjs, and ends with it, even when the runner was killed outright:
// the whole group goes, so that servers and instances that the file started go too.
process.on('disconnect', () => process.kill(-process.pid, 'SIGKILL'))
process.channel.unref()

const file = process.argv[2]
process.argv.splice(1, 2, file)
await import(pathToFileURL(file).href)
