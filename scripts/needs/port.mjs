import { createServer } from 'node:net'

const host = '127.0.0.1', standard = 4000

/** Why a port cannot be listened on, by the system's code. */
const refused = port => new Promise(resolve => {
  const server = createServer().once('error', ({ code }) => resolve(code))
  server.listen(port, host, () => server.close(() => resolve()))
})
export const isFree = async port => await refused(port) === undefined

/** What is wrong with the port that a front will be given, before anything is started for it; in the front's words. */
export const portFault = async (port = process.env.PORT || String(standard)) =>
  !/^\d+$/.test(port) || Number(port) > 65_535 ? `PORT: expected a whole number from 0 to 65535, found '${port}'`
  : await refused(Number(port)) === 'EADDRINUSE' ? `port ${port} on ${host} is in use; give another one (PORT=0 takes a free one)`
  : undefined
