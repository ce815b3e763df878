import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { root } from './workspaces.mjs'

// What the tests of these scripts share: processes as somebody at a terminal sees them.

const ofNpm = /^npm_(?!config_)|^INIT_CWD$|^NODE_OPTIONS$|^NODE_ENV$|^DATABASE_URL$|^LOWTIDE_DATA$/i
/** As for somebody at a terminal of his own: what npm tells its scripts is left out. */
const surroundings = more => ({ ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofNpm.test(name))), NO_COLOR: '1', ...more })

/** A process, what it has printed, how it ends, and a wait for what it prints. */
export const running = (command, args, env = {}, { cwd = root, ...options } = {}) => {
  const child = spawn(command, args, { cwd, env: surroundings(env), stdio: ['pipe', 'pipe', 'pipe'], ...options })
  const said = { stdout: '', stderr: '' }, ended = once(child, 'close').then(([code, signal]) => ({ code: code ?? signal, ...said }))
  for (const name of ['stdout', 'stderr']) child[name].setEncoding('utf8').on('data', text => { said[name] += text })
  const prints = async (pattern, name = 'stdout') => {
    for (const begun = Date.now(); !pattern.test(said[name]); await new Promise(resolve => { setTimeout(resolve, 20) }))
      if (child.exitCode !== null || Date.now() - begun > 60_000) throw new Error(`expected ${pattern} on ${name}, found:\n${said.stdout}\n${said.stderr}`)
    return pattern.exec(said[name])
  }
  return { child, ended, prints, said }
}
export const serving = /Lowtide serves GraphQL at (http:\S+)/

export const until = async (what, condition) => {
  for (const begun = Date.now(); ; await new Promise(resolve => { setTimeout(resolve, 20) })) {
    const found = await condition()
    if (found) return found
    if (Date.now() - begun > 20_000) throw new Error(`waited 20 s for ${what}, in vain`)
  }
}
export const lives = pid => { try { return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) } catch { return false } }

export const call = async (url, query, headers = {}) => (await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify({ query }) })).json()
export const invite = (url, email, headers) => call(url, `mutation { InviteCustomer(email: "${email}") { id email } }`, headers)
