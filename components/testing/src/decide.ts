import { type AnyDecider, type AnyEvent, type AnyType, type Change, type Draft, type Message, type Rejection, envelop, idOf, parse, seal } from '@lowtide/core'
import * as E from 'fp-ts/lib/Either.js'
import { type Bench, type Example, bench } from './bench.js'
import { canonical, diff } from './diff.js'
import { context } from './message.js'

const isEvent = (type: AnyType): type is AnyEvent => type.kind === 'event'
const isChange = (step: Change | Draft | Message): step is Change => 'alter' in step
const list = (types: readonly { readonly type: string }[]): string => types.map(({ type }) => type).join(', ') || 'nothing'

/** The rows before the example: changes as they are, events through `write`. */
const prepare = (b: Bench, { write }: AnyDecider, events: readonly AnyType[], given: Example['given'] = []): void => {
  for (const step of given) {
    const broken = b.attempt('given', () => isChange(step) ? b.rows.apply(step)
      : b.writeOf(write, b.messageOf(events, step)).map(b.rows.apply).find(found => found !== undefined))
    if (broken !== undefined) b.fail(`given breaks '${broken}'`)
  }
  const broken = b.rows.dangling()
  if (broken !== undefined) b.fail(`given breaks '${broken}'`)
}

/** A result in its envelope, as a shell would commit it; refuses what is not declared or does not fit. */
const commitOf = (b: Bench, { name, out, ports }: AnyDecider, cause: Message) => (draft: Draft, index: number): Message => {
  const effects = ports.flatMap(({ message }) => message ?? [])
  const type = (draft.kind === 'effect' ? effects : out).find(known => known.type === draft.type && known.kind === draft.kind)
  if (type === undefined) return b.fail(`operate returned the ${draft.kind} '${draft.type}'; out has ${list(out)}, effects ${list(effects)}`)

  const parsed = parse(type.schema, draft.data)
  if (E.isLeft(parsed)) return b.fail(`operate returned '${draft.type}' with data outside its schema`, canonical({ data: draft.data, issues: parsed.left }, 2))
  // An event is published as it was made, and parsed by whoever reads it: what parsing changes, readers would see otherwise than `write`.
  if (isEvent(type) && canonical(parsed.right) !== canonical(draft.data)) {
    return b.fail(`operate returned '${draft.type}' with data outside its schema, which changes it`, diff(parsed.right, draft.data, 'parsed', 'returned'))
  }
  const { time, source, correlationid, tenant, actor } = cause, id = idOf(cause.id, name, index)
  const key = draft.key ?? (draft.kind === 'effect' ? cause.subject : undefined)
  const made = envelop(type, parsed.right, { id, time, source, correlationid, causationid: cause.id, tenant, actor }, key)
  return E.isLeft(made) ? b.fail(`operate returned '${draft.type}', of which no message can be made: ${made.left.map(issue => issue.message).join('; ')}`) : made.right
}

type Decision = { readonly rejected: Rejection | string } | { readonly accepted: readonly Draft[] }
const decisionOf = (given: E.Either<Rejection, readonly Draft[]> | string): Decision =>
  typeof given === 'string' ? { rejected: given } : E.isLeft(given) ? { rejected: given.left } : { accepted: given.right }

/** An example of a command handler or a policy. */
export const decides = (handler: AnyDecider, example: Example): void => {
  const b = bench(handler, example), { write, in: takes, out } = handler
  prepare(b, handler, out, example.given)
  const message = b.messageOf(takes, example.when), ctx = context({ message, handler: handler.name })

  const { decision, changes } = b.twice(() => {
    if (handler.allow && !b.call('allow', () => handler.allow?.(ctx, message))) return b.fail("allow refuses it, so a caller gets 'forbidden'; give the actor: when: message(Type, data, { actor })")
    const { asked, data } = b.lookUp(() => handler.lookup?.(message) ?? {})
    const decided = b.call('operate', () => handler.operate?.(ctx, message, data))
    if (decided === undefined || !('_tag' in decided)) {
      return b.fail(`operate returned ${Object(decided) instanceof Promise ? 'a promise' : canonical(decided)}; it returns accept(…) or reject(…), at once`)
    }
    const decision = b.attempt('operate returned', () => seal(decided))
    if (E.isLeft(decision)) return { asked, decision, changes: [] }
    const events = decision.right.map(commitOf(b, handler, message)).filter((_, index) => decision.right[index]?.kind === 'event')
    return { asked, decision, changes: events.flatMap(event => b.writeOf(write, event)) }
  })

  const codes = takes.find(({ type }) => type === message.type)?.rejections ?? []
  if (E.isLeft(decision) && !codes.includes(decision.left.code)) {
    b.fail(`operate rejected with '${decision.left.code}', which is not declared; ${message.type} has ${codes.map(code => `'${code}'`).join(', ') || 'no rejections'}`)
  }

  const expected = typeof b.then === 'function' ? b.then(ctx) : b.then
  const broken = b.attempt('write', () => b.rows.run(changes))
  if (broken !== undefined) {
    if (expected === 'constraint') return
    b.fail(`write breaks '${broken}', which no lookup foresaw: look it up and reject it, or expect then: 'constraint'`)
  }
  const found = decisionOf(decision)
  b.expect(decisionOf(expected), typeof expected === 'string' && E.isLeft(decision) ? { rejected: decision.left.code } : found)
}

/** An example of a projector. */
export const projects = (handler: AnyDecider, example: Example): void => {
  const b = bench(handler, example), { write, in: takes } = handler
  prepare(b, handler, takes, example.given)
  const before = b.rows.rows()
  for (const event of [example.when].flat().map(step => b.messageOf(takes, step))) {
    const changes = b.twice(() => b.writeOf(write, event))
    const broken = b.attempt('write', () => b.rows.run(changes))
    if (broken !== undefined) b.fail(`write of '${event.type}' breaks '${broken}', so the event would park`)
  }
  const found = b.rows.rows()
  b.attempt('then', () => b.rows.restore({ ...before, ...b.then as typeof before })) // puts them in order
  b.expect(b.rows.rows(), found)
}
