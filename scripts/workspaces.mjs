import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const json = path => JSON.parse(readFileSync(join(root, path), 'utf8'))

const folders = path => readdirSync(join(root, path), { withFileTypes: true })
  .filter(entry => entry.isDirectory()).map(entry => `${path}/${entry.name}`)

/** Every workspace that has a package.json: its folder relative to the root, and its two configurations. */
export const workspaces = () => json('package.json').workspaces
  .flatMap(pattern => pattern.endsWith('/*') ? (existsSync(join(root, pattern.slice(0, -2))) ? folders(pattern.slice(0, -2)) : []) : [pattern])
  .filter(dir => existsSync(join(root, dir, 'package.json')))
  .map(dir => ({ dir, manifest: json(`${dir}/package.json`), references: json(`${dir}/tsconfig.json`).references.map(r => join(dir, r.path)) }))

/** The folders that the root tsconfig builds. */
export const built = () => json('tsconfig.json').references.map(r => r.path)

/** Files below a folder, relative to the root, without what is installed or built. */
export const files = dir => existsSync(join(root, dir))
  ? readdirSync(join(root, dir), { withFileTypes: true }).toSorted((a, b) => a.name < b.name ? -1 : 1).flatMap(entry =>
      entry.isDirectory() ? (['node_modules', 'dist'].includes(entry.name) ? [] : files(`${dir}/${entry.name}`)) : [`${dir}/${entry.name}`])
  : []
