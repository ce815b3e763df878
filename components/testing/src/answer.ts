import { type AnyQuery, type AnyResolver, type Message, parse } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type Example, bench } from './bench.js'
import { canonical } from './diff.js'
import { context } from './message.js'

const ready = (handler: AnyQuery | AnyResolver, example: Example) => {
  const b = bench(handler, example)
  for (const step of example.given ?? []) {
    const broken = 'alter' in step ? b.attempt('given', () => b.rows.apply(step)) : b.fail('given of an answer takes changes only')
    if (broken !== undefined) b.fail(`given breaks '${broken}'`)
  }
  return b
}

/** An example of a query. */
export const queries = (handler: AnyQuery, example: Example): void => {
  const b = ready(handler, example), ctx = context({ handler: handler.name })
  const args = parse(handler.args, example.when)
  if (E.isLeft(args)) return b.fail('the arguments do not fit', canonical(args.left, 2))
  const { answer } = b.twice(() => {
    const { asked, data } = b.lookUp(() => handler.lookup(args.right, ctx))
    return { asked, answer: b.call('answer', () => handler.answer(data)) }
  })
  b.expect(b.then, answer)
}

/** An example of a resolver. */
export const resolves = (handler: AnyResolver, example: Example): void => {
  const b = ready(handler, example), { command, events } = example.when as { command: unknown; events: readonly unknown[] }
  const caused = events.map(event => b.messageOf(handler.out, event)), asking = b.messageOf(handler.in, command)
  const found: { readonly [type: string]: readonly Message[] } = Object.fromEntries(handler.out.map(({ type }) => [type, caused.filter(event => event.type === type)]))
  // An outcome that lacks one of them has no answer, and `lookup` does not run.
  if (Object.values(found).some(list => list.length === 0)) return b.expect(b.then, undefined)
  const { answer } = b.twice(() => {
    const { asked, data } = b.lookUp(() => handler.lookup(found, asking))
    return { asked, answer: b.call('answer', () => handler.answer(data)) }
  })
  b.expect(b.then, answer)
}
