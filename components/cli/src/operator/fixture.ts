import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// An operator: folders with projects, and the command as npm links it, in a process of its own.

export const root = join(dirname(fileURLToPath(import.meta.url)), '../../../..')
const bin = join(root, 'node_modules/.bin/lowtide')
const fixture = JSON.stringify(new URL('../fixture.js', import.meta.url).href)
/** Secrets, planted where operators keep them. */
const planted = { SHOP_URL: 'postgres://keeper:hunter2hunter2@shelf.example/shop?sslmode=require', SHOP_PASSWORD: 'open-sesame-99', SHOP_API_TOKEN: 'tok_0123456789' }
export const mains = {
  shop: `import { run } from '@lowtide/run'\nimport { shop } from ${fixture}\nconsole.log('a main that talks')\nawait run(await shop())\nthrow new Error('this must not run')`,
  fleeting: `import { run } from '@lowtide/run'\nimport { shop } from ${fixture}\nvoid run(await shop(false))`,
}

/** A folder as an operator's: projects, compiled, and what they import. */
export const repository = (projects: { readonly [name: string]: string }): string => {
  const place = realpathSync(mkdtempSync(join(tmpdir(), 'lowtide-cli-')))
  symlinkSync(join(root, 'node_modules'), join(place, 'node_modules'))
  for (const [name, main] of Object.entries(projects)) {
    mkdirSync(join(place, 'projects', name, 'dist'), { recursive: true })
    writeFileSync(join(place, 'projects', name, 'package.json'), '{ "type": "module" }')
    if (main !== '') writeFileSync(join(place, 'projects', name, 'dist/main.js'), main)
  }
  return place
}
export interface Ended { readonly code: number | string | null; readonly stdout: string; readonly stderr: string }
export const begun = (args: readonly string[], { cwd, ...env }: { readonly cwd: string; readonly [name: string]: string }) => {
  const child: ChildProcess = spawn(bin, args, { cwd, env: { PATH: process.env['PATH'], NO_COLOR: '1', ...planted, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name]!.setEncoding('utf8').on('data', (text: string) => { said[name] += text })
  const ended: Promise<Ended> = once(child, 'close').then(([code, signal]) => {
    for (const secret of ['hunter2hunter2', 'open-sesame-99', 'tok_0123456789']) if (`${said.stdout}${said.stderr}`.includes(secret)) throw new Error(`a secret was told:\n${said.stdout}\n${said.stderr}`)
    return { code: (code as number | null) ?? String(signal), stdout: said.stdout, stderr: said.stderr.replaceAll('a main that talks\n', '').replaceAll('the shelf creaks\n', '') }
  })
  return { child, ended }
}
