import { suite } from 'uvu'
import { laws } from './laws.js'
import type { Saboteur } from './sabotage.js'
import { type Law, patiently, trial } from './trial.js'
import type { Make } from './world.js'

export interface Trying {
  /** Which tests; all where it is absent. */
  readonly only?: (law: Law) => boolean
  /** Repeats a run. */
  readonly seed?: number
  /** A share of the cases, for worlds where each costs more; 1 is all. */
  readonly effort?: number
  /** Milliseconds for what a test waits for, each time; 60,000. Less where tests are meant to fail. */
  readonly patience?: number
  /** Stops at the first that fails. */
  readonly until?: 'failure'
  /** The name of a saboteur that stands between every instance and its shell. */
  readonly sabotage?: string
}
export interface Result { readonly law: number; readonly says: string; readonly title: string; readonly ok: boolean; readonly error?: string; readonly ms: number }

const numbers = process.env['LOWTIDE_SEED'], fresh = (): number => numbers === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(numbers)
export const titleOf = ({ law, says, title }: Pick<Law, 'law' | 'says' | 'title'>): string => `law ${law}: ${says}: ${title}`

const tryLaw = async (make: Make, law: Law, nth: number, { seed = fresh(), effort = 1, patience = patiently, sabotage }: Trying): Promise<void> => {
  const t = await trial({ make, prefix: `l${law.law}-${nth}`, seed, effort, partitions: law.run.partitions ?? 4, sabotage, patience })
  try { await law.run(t) } catch (e) {
    throw new Error(`${titleOf(law)}: ${e instanceof Error ? e.message : String(e)}; LOWTIDE_SEED=${seed} repeats it`, { cause: e })
  } finally { await t.close() }
}

/** Tries the laws one after the other, each in a world of its own, and tells how each fared. */
export const runLaws = async (make: Make, o: Trying = {}): Promise<readonly Result[]> => {
  const results: Result[] = []
  for (const [nth, law] of laws.entries()) {
    if (o.only?.(law) === false) continue
    const begun = performance.now(), { law: number, says, title } = law
    const error = await tryLaw(make, law, nth, o).then(() => undefined, (e: Error) => e.message)
    results.push({ law: number, says, title, ok: error === undefined, ...(error !== undefined && { error }), ms: Math.round(performance.now() - begun) })
    if (error !== undefined && o.until === 'failure') break
  }
  return results
}

/**
 * That the suite notices a saboteur: the law that is named for it fails, and what it does not touch still holds. Answers with what failed.
 *
 * @example for (const s of saboteurs) test(`law ${s.law} notices who ${s.name}`, async () => { await notices(local(memorySite), s) })
 */
export const notices = async (make: Make, saboteur: Saboteur, o: Omit<Trying, 'only' | 'sabotage'> = {}): Promise<readonly Result[]> => {
  const own = await runLaws(make, { ...o, sabotage: saboteur.name, only: l => l.law === saboteur.law, until: 'failure' })
  if (own.every(r => r.ok)) throw new Error(`nobody noticed the saboteur that ${saboteur.name}: expected a test of law ${saboteur.law} to fail, found that all ${own.length} pass`)
  const spared = await runLaws(make, { ...o, sabotage: saboteur.name, only: l => l.title.includes(saboteur.spares) }), broken = spared.find(r => !r.ok)
  if (spared.length === 0) throw new Error(`no test is called '${saboteur.spares}'`)
  if (broken) throw new Error(`the saboteur that ${saboteur.name} breaks more than one thing: ${broken.error}`)
  return own.filter(r => !r.ok)
}
/**
 * A shell's own test: every law, one test each.
 *
 * @example conformance({ name: 'memory', make: local(memorySite) })
 */
export const conformance = ({ name, make, ...o }: Omit<Trying, 'sabotage'> & { readonly name: string; readonly make: Make }): void => {
  const test = suite(name)
  for (const [nth, law] of laws.entries()) if (o.only?.(law) !== false) test(titleOf(law), () => tryLaw(make, law, nth, o))
  test.run()
}
