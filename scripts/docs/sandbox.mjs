import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, realpath, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../workspaces.mjs'

/**
 * A folder with what looks like a fresh clone, named `lowtide`, in which and beside which a reader may work. What is in the clone
 * already are links, except for the names that the reader makes. Data of servers that a project brings are kept beside it, and are none at first.
 */
export const freshClone = async made => {
  const place = await realpath(await mkdtemp(join(tmpdir(), 'lowtide-docs-')))
  await mkdir(join(place, 'lowtide'))
  for (const name of await readdir(root)) if (name !== '.git' && !made.includes(name)) await symlink(join(root, name), join(place, 'lowtide', name))
  await chmod(place, 0o755) // root's servers are another user
  process.env.LOWTIDE_DATA = join(place, 'data')
  return place
}

const ofNpm = /^npm_(?!config_)|^npm_config_(call|local_prefix|package)$|^INIT_CWD$|^NODE_OPTIONS$|^DATABASE_URL$/i
/** As for somebody at a terminal of his own: not inside of `npm test`. */
const surroundings = () => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofNpm.test(name))),
  NO_COLOR: '1', CURL_HOME: join(root, 'scripts/docs'), npm_config_prefer_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false', npm_config_update_notifier: 'false',
})

/**
 * The first `npx` of a doc is npm's own; those behind it run the same program from the same folder, without the 0.5 s of CPU that npm takes to find it,
 * each time. What is installed nowhere goes to npm as ever, and so does what has flags.
 */
const found = `npx() {
  local at=$PWD
  while [ -n "$at" ] && [ ! -x "$at/node_modules/.bin/$1" ]; do at=\${at%/*}; done
  if [ -n "$at" ] && [[ $1 =~ ^[a-z] ]]; then PATH=$at/node_modules/.bin:$PATH command "$@"; else command npx "$@"; fi
}`
let known = ''

/** Runs commands; tells all that they print, how they end, and the folder in which they end. */
export const shell = (script, cwd) => new Promise(resolve => {
  const child = spawn('bash', ['-c', `trap 'pwd >&3' EXIT\nset -e\n${known}\n${script}`], { cwd, env: surroundings(), stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  if (/\bnpx\b/.test(script)) known = found
  let output = '', end = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { output += text })
  child.stdio[3].setEncoding('utf8').on('data', text => { end += text })
  child.on('close', code => resolve({ code, output, cwd: end.trim() || cwd }))
})

/**
 * Runs a command that does not end by itself, as in a terminal of its own. `seen` waits until what it has printed is as wanted, or it has
 * ended, or for 30 s, and tells what it has printed; `stop` is a SIGTERM, and tells how it ends.
 */
export const staying = (command, cwd) => {
  const child = spawn('bash', ['-c', `exec env ${command}`], { cwd, env: { ...surroundings(), PORT: '0' }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = '', over = false
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { output += text })
  const ended = new Promise(resolve => { child.on('close', (code, signal) => { over = true; resolve(code ?? signal) }) })
  return {
    seen: async wanted => {
      for (const begun = Date.now(); !wanted(output) && !over && Date.now() - begun < 30_000;) await new Promise(resolve => { setTimeout(resolve, 20) })
      return output
    },
    stop: () => {
      child.kill('SIGTERM')
      const late = setTimeout(() => child.kill('SIGKILL'), 10_000)
      return ended.finally(() => clearTimeout(late))
    },
  }
}
