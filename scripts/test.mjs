import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { build } from './build.mjs'
import { files, root, workspaces } from './workspaces.mjs'

const atOnce = 2
const usualLimit = 120

/** A test file is compiled TypeScript of a workspace, or a script as it is. */
const testFiles = () => [
  ...workspaces().flatMap(({ dir }) => files(`${dir}/src`)).filter(path => path.endsWith('.test.ts')),
  ...['scripts', '.ci'].flatMap(files).filter(path => path.endsWith('.test.mjs')),
]

const runnable = path => join(root, path.replace('/src/', '/dist/').replace(/\.ts$/, '.js'))

/** What a file says of itself, each in a line of its own. */
const said = (path, pattern) => pattern.exec(readFileSync(join(root, path), 'utf8'))
/** Seconds; a file that needs more says so: `// time limit: 300 s`. */
const limitOf = path => Number(said(path, /^\/\/ time limit: (\d+) s$/m)?.[1] ?? usualLimit)
/** Takes less than half of a core, as it waits for limits to be over (`// mostly waits`): such files run beside the others, one at a time. */
const waits = path => said(path, /^\/\/ mostly waits$/m) !== null

const running = new Set()

const killGroup = child => {
  try { process.kill(-child.pid, 'SIGKILL') } catch { /* it has ended already */ }
}

const execute = (path, limit) => new Promise(resolve => {
  const child = spawn(process.execPath, ['--enable-source-maps', join(root, 'scripts/test-file.mjs'), runnable(path)],
    { cwd: root, detached: true, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  running.add(child)
  let output = ''
  let late = false
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => { output += text })
  const timer = setTimeout(() => { late = true; killGroup(child) }, limit * 1000)
  child.on('exit', () => killGroup(child))
  child.on('close', (code, signal) => {
    clearTimeout(timer)
    running.delete(child)
    resolve({ output, code, signal, late })
  })
})

/**
 * What a run of a file is worth. uvu exits with 0 in cases that are failures (a `before` that throws, an error that is
 * not an Error, no test at all), so its counts are believed, not its exit code.
 */
export const judge = ({ output, code, signal, late }, limit) => {
  const summaries = [...stripVTControlCharacters(output).matchAll(/^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm)]
  const [total, passed, skipped] = summaries.length === 1 ? summaries[0].slice(1).map(Number) : [0, 0, 0]
  const fault
    = late && summaries.length > 0 ? `did not end within ${limit} s although its tests had: a handle is still open`
    : late ? `did not end within ${limit} s and was killed`
    : summaries.length === 0 ? `printed no summary of uvu (exit ${signal ?? code}): it crashed, or '.run()' is missing`
    : summaries.length > 1 ? `printed ${summaries.length} summaries: '.run()' was called after the first tests had begun`
    : total + skipped === 0 ? 'contains no test'
    : passed < total ? `${total - passed} of ${total} failed`
    : code !== 0 ? `exited with ${signal ?? code} although its tests passed`
    : undefined
  return { passed, skipped, failed: Math.max(total - passed, fault ? 1 : 0), fault }
}

const runOne = async path => {
  const begun = Date.now()
  const limit = limitOf(path)
  const run = existsSync(runnable(path)) ? await execute(path, limit)
    : { output: `${runnable(path)} was not built; is its workspace among the references of tsconfig.json?\n`, code: 1 }
  const result = judge(run, limit)
  const skipped = result.skipped > 0 ? `, ${result.skipped} skipped` : ''
  const time = `${((Date.now() - begun) / 1000).toFixed(1)} s`
  console.log(`${result.fault ? 'FAILED' : 'ok    '} ${path}  ${result.fault ?? `${result.passed} passed${skipped}`}  ${time}`)
  if (result.fault) console.log(`${run.output.trimEnd()}\n`)
  return result
}

const main = async filters => {
  await build()
  const { guarded } = await import('../components/servers/dist/guarded.js')
  const chosen = testFiles().filter(path => filters.length === 0 || filters.some(filter => path.includes(filter)))
  if (chosen.length === 0) throw new Error(`no test file has ${filters.map(f => `'${f}'`).join(' or ')} in its path`)

  const sorted = chosen.toSorted((a, b) => limitOf(b) - limitOf(a)) // the long ones first: else one of them is left alone at the end
  const working = sorted.filter(path => !waits(path)), waiting = sorted.filter(waits)
  const sum = { passed: 0, failed: 0, skipped: 0 }
  const worker = async queue => {
    for (let path = queue.shift(); path; path = queue.shift()) {
      const result = await runOne(path)
      for (const key of Object.keys(sum)) sum[key] += result[key]
    }
  }
  const shared = await guarded('lowtide-test') // a folder that goes with this process, also when that is killed
  process.env.LOWTIDE_TEST_TEMPLATE = shared.folder
  await Promise.all([...Array.from({ length: atOnce }, () => worker(working)), worker(waiting)])
  await shared.end()

  const forbidden = Boolean(process.env.CI) && sum.skipped > 0
  if (forbidden) console.log('CI is set: a skipped test counts as a failure of the run')
  console.log(`\n${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}`)
  process.exitCode = sum.failed > 0 || forbidden ? 1 : 0
}

if (process.argv[1] === import.meta.filename) {
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]]) process.on(signal, () => {
    running.forEach(killGroup)
    process.exit(code)
  })
  await main(process.argv.slice(2)).catch(error => {
    console.error(`npm test: ${error.message}`)
    console.log('\n0 passed, 1 failed')
    process.exitCode = 1
  })
}
