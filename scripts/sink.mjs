import { createServer } from 'node:http'

// npm run sink [-- port]: takes what a deployment posts, as with WELCOME_URL, and tells what came again under its key.
const standard = 4100, usual = `http://127.0.0.1:${standard}/`
const help = `Takes what a deployment posts to it, prints each with its idempotency key, and tells what comes again.

  npm run sink                 at ${usual}
  npm run sink -- 5100         at another port; 0 takes a free one
  WELCOME_URL=${usual} npm start

Ctrl-C ends it.`

const [given, ...more] = process.argv.slice(2), port = given === undefined ? standard : /^\d{1,5}$/.test(given) ? Number(given) : -1
const refuse = (code, text) => { process.exitCode = code; console.error(`npm run sink: ${text}`) }

const listen = () => {
  const keys = new Set(), server = createServer((request, response) => {
    const parts = []
    request.on('data', part => parts.push(part)).on('end', () => {
      const key = request.headers['idempotency-key'] ?? '(no key)', again = keys.has(key)
      keys.add(key)
      console.log(`${again ? 'again' : 'taken'}  ${key}  ${Buffer.concat(parts)}`)
      response.writeHead(204).end()
    })
  })
  server.on('error', error => refuse(1, error.code === 'EADDRINUSE' ? `the port ${port} is in use; npm run sink -- ${port + 1} takes another` : error.message))
  server.listen(port, '127.0.0.1', () => console.log(`takes what is posted to http://127.0.0.1:${server.address().port}/`))
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => { server.close(); server.closeAllConnections() })
}

if (given === '--help' || given === '-h') console.log(help)
else if (port < 0 || port > 65_535 || more.length > 0) refuse(2, `expected a port, found '${[given, ...more].join(' ')}'; 'npm run sink -- --help' tells more`)
else listen()
