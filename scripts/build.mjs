import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './workspaces.mjs'

const compiler = join(root, 'node_modules/typescript/bin/tsc')

/**
 * Builds workspaces and what they refer to, or everything. Silent, but for the compiler's own messages, and one line
 * on standard error when the reader would otherwise wonder what takes so long.
 */
export const build = async (dirs = ['.'], { patience = 3000 } = {}) => {
  if (!existsSync(compiler)) throw new Error("dependencies are not installed: node_modules/typescript is missing; run 'npm ci' first")
  const notice = setTimeout(() => console.error('building …'), patience)
  const child = spawn(process.execPath, [compiler, '-b', ...dirs], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { output += text })
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  clearTimeout(notice)
  if (code !== 0) throw new Error(`the build of '${dirs.join(' ')}' failed ('npx tsc -b ${dirs.join(' ')}' exited with ${code}):\n${output.trimEnd()}`)
}
