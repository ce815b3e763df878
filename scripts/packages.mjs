import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from './build.mjs'
import { root, workspaces } from './workspaces.mjs'

const run = promisify(execFile)
const tool = (name, ...args) => run(join(root, 'node_modules/.bin', name), args, { cwd: root })

export const published = () => workspaces().filter(({ manifest }) => !manifest.private)

/** Packs a workspace as it would be published; returns the tarball and the names of the files in it. */
export const pack = async (dir, into) => {
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', into, `./${dir}`], { cwd: root })
  const [{ filename, files }] = Object.values(JSON.parse(stdout))
  return { tarball: join(into, filename), files: files.map(({ path }) => path) }
}

const contents = files => {
  const missing = ['LICENSE', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts'].filter(path => !files.includes(path))
  const extra = files.filter(path => /\.test\.|tsbuildinfo|tsconfig/.test(path))
  return [...missing.map(path => `${path} is missing from the tarball`), ...extra.map(path => `${path} is in the tarball and has no use there`)]
}

/** What a tool has to say against a package, if anything. */
const complaint = task => task.then(() => [], error => [`${error.stdout ?? ''}${error.stderr ?? error.message}`.trim()])

const check = async (dir, into) => {
  const { tarball, files } = await pack(dir, into)
  return [
    ...contents(files),
    ...await complaint(tool('publint', '--strict', tarball)),
    ...await complaint(tool('attw', '--profile', 'esm-only', '--no-definitely-typed', '--no-emoji', '--no-color', tarball)),
  ]
}

if (process.argv[1] === import.meta.filename) {
  const into = await mkdtemp(join(tmpdir(), 'lowtide-packages-'))
  try {
    await build()
    for (const { dir, manifest } of published()) {
      const complaints = await check(dir, into)
      console.log(`${complaints.length > 0 ? 'FAILED' : 'ok    '} ${manifest.name}`)
      for (const text of complaints) console.log(text)
      if (complaints.length > 0) process.exitCode = 1
    }
  } catch (error) {
    console.error(`npm run packages: ${error.message}`)
    process.exitCode = 1
  } finally {
    await rm(into, { recursive: true, force: true })
  }
}
