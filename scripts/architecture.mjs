import { dirname, join } from 'node:path'
import { codeLines, codeOf, importsOf, lineAt } from './source.mjs'

// The rules of the house as functions over a file `{ path, text }`. Each returns faults `{ path, line, message }`.

const longest = 250
const coreBudget = 900

export const isTest = path => /\.test\.m?ts$|\.test\.mjs$/.test(path)
/** What tests share may import what they may; neither is published. */
const isOfTests = path => isTest(path) || path.endsWith('/fixture.ts')

const inFolder = (path, ...folders) => folders.some(folder => path.startsWith(`${folder}/`))

/** Which workspaces of ours a workspace may know: the first entry that fits, and what its tests may know besides. */
const inward = [
  { of: 'functions/', may: ['components/core'], inTests: ['components/testing'] },
  { of: 'components/core', may: [], inTests: [] },
  { of: 'components/conformance', may: ['components/core', 'components/run', 'components/testing'], inTests: [] },
  { of: 'components/graphql', may: ['components/core', 'components/run'], inTests: ['components/', 'shells/memory'] },
  { of: 'components/cli', may: ['components/core', 'components/run'], inTests: ['components/', 'shells/memory'] },
  { of: 'components/telemetry', may: ['components/core', 'components/run'], inTests: ['components/', 'shells/'] },
  { of: 'components/', may: ['components/core'], inTests: ['components/'] },
  { of: 'shells/', may: ['components/core'], inTests: ['components/'] },
  { of: 'projects/', may: ['functions/', 'components/', 'shells/'], inTests: [] },
  { of: 'benchmarks', may: ['functions/', 'components/', 'shells/'], inTests: [] },
]

/** Where a short list of packages is part of the design; elsewhere what package.json declares is allowed. */
const packages = [
  { of: 'functions/', may: ['fp-ts', 'zod'], inTests: ['uvu'] },
  { of: 'components/core', may: ['fp-ts', 'node:crypto'], inTests: ['uvu', 'zod'] },
]

const allowance = (rules, dir, path) => {
  const rule = rules.find(({ of }) => dir.startsWith(of))
  return rule && [...rule.may, ...(isOfTests(path) ? rule.inTests : [])]
}

const packageOf = specifier => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')

const importFault = (specifier, path, { dir, manifest }, workspaces) => {
  if (specifier.startsWith('.')) {
    return inFolder(join(dirname(path), specifier), `${dir}/src`) ? undefined : `leaves its workspace; import the package's name instead`
  }
  if (specifier === 'fp-ts' || (specifier.startsWith('fp-ts/') && !/^fp-ts\/lib\/\w+\.js$/.test(specifier))) {
    return "crashes in Node's ESM or loads all of fp-ts; name the file, as in 'fp-ts/lib/Either.js'"
  }
  const name = packageOf(specifier)
  if (name === manifest.name) return `imports its own package; use a relative path`

  const target = workspaces.find(workspace => workspace.manifest.name === name)
  const listed = allowance(target ? inward : packages, dir, path)
  const wanted = target ? target.dir : name
  const fits = listed?.some(entry => entry.endsWith('/') ? wanted.startsWith(entry) : wanted === entry)
  if (target ? !fits : listed && !fits) return `points outward; ${dir} may know ${listed?.join(', ') || 'none of our packages'} here`

  if (name.startsWith('node:')) return undefined
  const { dependencies, peerDependencies, devDependencies } = manifest
  const declared = { ...dependencies, ...peerDependencies, ...(isOfTests(path) ? devDependencies : {}) }
  return name in declared ? undefined : `is not among the ${isTest(path) ? '' : 'run-time '}dependencies in ${dir}/package.json`
}

export const imports = workspaces => ({ path, text }) => {
  const home = workspaces.find(({ dir }) => inFolder(path, dir))
  return home ? importsOf(text).flatMap(({ specifier, line }) => {
    const fault = importFault(specifier, path, home, workspaces)
    return fault ? [{ path, line, message: `import of '${specifier}' ${fault}` }] : []
  }) : []
}

/** Each place where a pattern occurs in a file's code. */
const found = ({ path, text }, pattern, message) => [...codeOf(text).matchAll(pattern)]
  .map(match => ({ path, line: lineAt(text, match.index), message: message(match[0].trim()) }))

/** A uvu file without `.run()` passes with no test. A file that only calls `conformance(…)` leaves running to it. */
export const testsRun = file => {
  if (!isTest(file.path)) return []
  const code = codeOf(file.text)
  const names = [...code.matchAll(/\bconst\s+(\w+)\s*=\s*suite\s*[(<]/g)].map(match => match[1])
  if (/\bimport\s*\{[^}]*\btest\b[^}]*\}\s*from/.test(code) && importsOf(file.text).some(({ specifier }) => specifier === 'uvu')) names.push('test')
  const idle = names.filter(name => !new RegExp(String.raw`\b${name}\s*\.run\(\)`).test(code))
  const none = names.length === 0 && !/\.run\(\)|\bconformance\(/.test(code)
  return [...idle.map(name => `the suite '${name}' is never run; end with '${name}.run()'`), ...(none ? ["has no '.run()'"] : [])]
    .map(message => ({ path: file.path, line: 1, message }))
}

const impure = /\bDate\.now\b|\bnew Date\b|\bMath\.random\b|\bperformance\.now\b|\b(?:set|clear)(?:Timeout|Interval|Immediate)\b|\bprocess\.\w+|\bconsole\.\w+|\brandomUUID\b|\brandomBytes\b|\bgetRandomValues\b/g

/** The essential code and core have no clock, no randomness and no surroundings: shells give them what they need. */
export const pure = file => inFolder(file.path, 'functions', 'components/core') && !isTest(file.path)
  ? found(file, impure, word => `'${word}' reaches outside; take it as an argument from the shell`) : []

/** `any` and casts through `unknown` hide a doubt. Core may mark a type parameter's constraint with `// constraint`. */
export const typed = file => {
  if (isTest(file.path)) return []
  const lines = file.text.split('\n')
  const marked = ({ line }) => inFolder(file.path, 'components/core') && /\/\/ constraint\b/.test(lines[line - 1])
  return found(file, /(?<![\w.$])any\b(?![ \t]*\()|\bas\s+unknown\s+as\b/g, word => `'${word}' gives the types up; say what the value is`)
    .filter(fault => !marked(fault))
}

export const named = file => found(file, /\bexport\s+default\b|\bas\s+default\b/g, () => 'has a default export; export by name')

export const short = ({ path, text }) => {
  const count = text.trimEnd().split('\n').length
  return !isTest(path) && count > longest ? [{ path, line: longest + 1, message: `has ${count} lines, at most ${longest}; it has two jobs` }] : []
}

/** A handler is read in the order in which it works: what it looks up stands above what it decides. */
export const ordered = file => {
  if (!inFolder(file.path, 'functions')) return []
  const code = codeOf(file.text)
  const key = word => new RegExp(String.raw`(?<=[{,]\s*)(?:async\s+)?${word}\s*[:(,]`, 'g')
  const lookups = [...code.matchAll(key('lookup'))].map(({ index }) => index)
  const endOfObject = start => {
    for (let depth = 0, i = start; i < code.length; i++) {
      if ('([{'.includes(code[i])) depth++
      else if (')]}'.includes(code[i]) && --depth < 0) return i
    }
    return code.length
  }
  const depthBetween = (from, to) => code.slice(from, to).split('').reduce((depth, c) => depth + ('([{'.includes(c) ? 1 : ')]}'.includes(c) ? -1 : 0), 0)
  return [...code.matchAll(key('operate'))]
    .filter(({ index }) => lookups.some(at => at > index && at < endOfObject(index) && depthBetween(index, at) === 0))
    .map(({ index }) => ({ path: file.path, line: lineAt(file.text, index), message: "'operate' stands above 'lookup'; a handler reads in the order in which it works" }))
}

/** Core stays small enough to be read in half an hour. Takes all files at once. */
export const coreSize = files => {
  const core = files.filter(({ path }) => inFolder(path, 'components/core/src') && !isTest(path)).map(({ path, text }) => ({ path, count: codeLines(text) }))
  const all = core.reduce((sum, { count }) => sum + count, 0)
  return all < coreBudget ? [] : [{ path: 'components/core/src', line: 1, message: `has ${all} lines of code, must stay under ${coreBudget}; what can wrap core instead of living in it?` }]
}

/** A reference that is missing builds in the wrong order, on some machines only. */
export const references = (workspaces, built) => workspaces.flatMap(({ dir, manifest, references: told }) => {
  const { dependencies, peerDependencies, devDependencies } = manifest
  const needed = workspaces.filter(other => other.manifest.name in { ...dependencies, ...peerDependencies, ...devDependencies }).map(other => other.dir)
  return [
    ...(built.includes(dir) ? [] : [`is not among the references of the root's tsconfig.json; add { "path": "${dir}" }`]),
    ...needed.filter(other => !told.includes(other)).map(other => `depends on ${other} and does not refer to it; add it to the references`),
    ...told.filter(other => !needed.includes(other)).map(other => `refers to ${other} and does not depend on it; add it to package.json`),
  ].map(message => ({ path: `${dir}/tsconfig.json`, line: 1, message }))
})

/** A lock file with download addresses installs on some machines only. */
export const lock = ({ path, text }) => [...text.matchAll(/"resolved": "https?:/g)].slice(0, 1).map(({ index }) => ({
  path, line: lineAt(text, index), message: "records download addresses; write it again with 'npm install --omit-lockfile-registry-resolved'",
}))

/** All rules that look at one source file. */
export const rules = workspaces => [imports(workspaces), testsRun, pure, typed, named, short, ordered]
