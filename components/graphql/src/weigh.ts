import { type DirectiveNode, type DocumentNode, type FieldNode, type FragmentDefinitionNode, Kind, type SelectionNode, type SelectionSetNode } from 'graphql'
import type { Limits } from './options.js'

type Weight = Record<'depth' | 'aliases' | 'directives' | 'cost', number>
const none: Weight = { depth: 0, aliases: 0, directives: 0, cost: 0 }
const beside = (a: Weight, b: Weight): Weight => ({ depth: Math.max(a.depth, b.depth), aliases: a.aliases + b.aliases, directives: a.directives + b.directives, cost: a.cost + b.cost })
const own = (node: { readonly directives?: readonly DirectiveNode[] }): Weight => ({ ...none, directives: node.directives?.length ?? 0 })

/**
 * What is too much in a document, if anything: every operation, and every fragment (also one that nobody spreads: the rules of GraphQL look at it
 * too), as if each spread were written out. Each fragment is weighed once, so the time grows with the document's length alone.
 *
 * graphql-armor's rules were tried and left: a fragment that spreads itself makes their count of aliases and depth smaller (-1 for each spread), so
 * that any number passes; a fragment costs 1.5 times as much where it is spread again; fragments that nobody spreads are not looked at. And they let
 * pass what takes GraphQL's rule of overlapping fields the square of the document: `{ a a a … }` of 3 KB took it 250 ms.
 */
export const tooMuch = (document: DocumentNode, n: Limits, production: boolean): string | undefined => {
  const fragments = new Map(document.definitions.flatMap(d => d.kind === Kind.FRAGMENT_DEFINITION ? [[d.name.value, d] as const] : []))
  const weighed = new Map<string, Weight>(), open = new Set<string>()
  let cycle: string | undefined

  const ofFragment = (f: FragmentDefinitionNode): Weight => {
    const name = f.name.value, known = weighed.get(name)
    if (known !== undefined) return known
    if (open.has(name)) { cycle = name; return none }
    open.add(name)
    const weight = beside(own(f), ofSet(f.selectionSet))
    open.delete(name)
    weighed.set(name, weight)
    return weight
  }
  const ofOne = (s: SelectionNode): Weight => {
    if (s.kind === Kind.INLINE_FRAGMENT) return beside(own(s), ofSet(s.selectionSet))
    if (s.kind === Kind.FRAGMENT_SPREAD) { const f = fragments.get(s.name.value); return f ? beside(own(s), ofFragment(f)) : own(s) }
    const inside = ofSet(s.selectionSet), { aliases, directives } = beside(own(s), inside)
    const free = !production && s.name.value === '__schema' // tools ask for the whole schema; in production nobody may
    return {
      directives, aliases: aliases + (s.alias ? 1 : 0), depth: free ? 0 : inside.depth + 1,
      cost: free ? 0 : s.selectionSet === undefined ? 1 : (2 + 1.5 * inside.cost) * pagesOf(s.arguments),
    }
  }
  const ofSet = (set: SelectionSetNode | undefined): Weight => set === undefined ? none : set.selections.map(ofOne).reduce(beside, none)

  /** Pairs of selections that GraphQL compares: fields that answer under one name, and spreads beside each other. Ends once they are too many. */
  let pairs = 0
  const compare = (sets: readonly SelectionSetNode[]): void => {
    const named = new Map<string, FieldNode[]>()
    const add = (set: SelectionSetNode, spreads = { count: 0 }): void => {
      for (const s of set.selections) {
        if (pairs > n.overlaps) return
        if (s.kind === Kind.INLINE_FRAGMENT) add(s.selectionSet, spreads)
        else if (s.kind === Kind.FRAGMENT_SPREAD) { pairs += spreads.count++; const f = fragments.get(s.name.value); if (f) add(f.selectionSet, spreads) }
        else {
          const name = (s.alias ?? s.name).value, same = named.get(name)
          if (same === undefined) named.set(name, [s])
          else { pairs += same.length; same.push(s) }
        }
      }
    }
    for (const set of sets) add(set)
    for (const fields of named.values()) { const inside = fields.flatMap(f => f.selectionSet ?? []); if (inside.length > 0 && pairs <= n.overlaps) compare(inside) }
  }

  for (const d of document.definitions) {
    if (d.kind !== Kind.OPERATION_DEFINITION && d.kind !== Kind.FRAGMENT_DEFINITION) continue
    const weight = d.kind === Kind.FRAGMENT_DEFINITION ? ofFragment(d) : beside(own(d), ofSet(d.selectionSet))
    if (cycle !== undefined) return `the fragment '${cycle}' is spread within itself`
    for (const what of ['depth', 'aliases', 'directives', 'cost'] as const) if (!(weight[what] <= n[what])) return `${words[what]}: expected at most ${n[what]}, found ${weight[what]}`
    compare([d.selectionSet])
    if (pairs > n.overlaps) return `fields of one name beside each other: expected at most ${n.overlaps} pairs of them, found more`
  }
  return undefined
}
const words = { depth: 'levels of fields', aliases: 'aliases', directives: 'directives', cost: 'cost' } as const
/** How often what a page holds is asked for, where the document says so; arguments are checked by their own schema. */
const pagesOf = (args: readonly { readonly name: { readonly value: string }; readonly value: { readonly kind: string; readonly value?: unknown } }[] = []): number =>
  Math.max(1, ...args.map(a => (a.name.value === 'first' || a.name.value === 'last') && a.value.kind === Kind.INT ? Number(a.value.value) : 1))
