import { createServer } from 'node:net'

/** A port of the loopback that is free now; somebody else may be faster. */
export const freePort = (): Promise<number> => new Promise((resolve, reject) => {
  const server = createServer().once('error', reject)
  server.listen(0, '127.0.0.1', () => {
    const address = server.address()
    server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
  })
})
