import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { files, root } from '../workspaces.mjs'

const sources = () => ['components/core/src', 'components/run/src'].flatMap(files).filter(path => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map(path => ({ path, text: readFileSync(join(root, path), 'utf8') }))

/** The names in a property's union of texts, as in `readonly state: 'a' | 'b'`, and the file that declares it. */
export const unionOf = property => {
  const found = sources().flatMap(({ path, text }) => [...text.matchAll(new RegExp(String.raw`\breadonly ${property}: ('[\w-]+'(?: \| '[\w-]+')+)`, 'g'))].map(match => ({ path, names: match[1].split(' | ').map(name => name.slice(1, -1)) })))
  if (found.length !== 1) throw new Error(`expected one 'readonly ${property}: …' with a union of texts in core and run, found ${found.length}`)
  return found[0]
}

/** A template literal's text from its first backtick on, with `…` for each expression. */
const templateAt = (text, start) => {
  let told = ''
  for (let i = start + 1, depth = 0; i < text.length; i++) {
    if (depth === 0 && text[i] === '`') return told
    if (text.startsWith('${', i)) { if (depth++ === 0) told += '…'; i++ }
    else if (depth > 0) depth += text[i] === '{' ? 1 : text[i] === '}' ? -1 : 0
    else told += text[i]
  }
  throw new Error(`a template is not closed: ${text.slice(start, start + 60)}`)
}

/** What the wiring check can say, with `…` for what depends on the deployment. */
export const faultsOf = () => {
  const faults = sources().flatMap(({ path, text }) => [...text.matchAll(/\bsay\(`/g)].map(match => ({ path, text: templateAt(text, match.index + 'say('.length) })))
  if (faults.length < 10) throw new Error(`expected the faults of wiring as calls of say(\`…\`) in components/run/src, found ${faults.length}; if they are made otherwise now, read them otherwise here`)
  return faults
}

/** The codes that the GraphQL front makes itself. */
export const frontCodes = () => [...new Set(files('components/graphql/src').filter(path => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .flatMap(path => [...readFileSync(join(root, path), 'utf8').matchAll(/\b(?:failure|mask)\('([\w-]+)'|(?:\brefuse\(response, |\[)\d{3}, '([\w-]+)'/g)].map(match => match[1] ?? match[2])))]
