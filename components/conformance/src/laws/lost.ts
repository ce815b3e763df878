import { Append, Transfer, Transferred, accounts, append, bell, counters, journal, journals, lists, openAccount, OpenAccount, ring, transfer, views } from '../functions.js'
import type { Node, Sent } from '../node.js'
import { another, law } from '../trial.js'
import type { Faults } from '../world.js'
import { around, everyCall, healing, numbered, patient, traffic } from './traffic.js'

export const nothingLost = law(1, 'nothing is lost', {
  'whichever call to its shell a process dies at': async t => {
    const calls = await everyCall(t, async faults => {
      const other = await another(t)
      try { return await traffic(other, faults) } finally { await other.close() }
    })
    t.ok(calls > 10, `the process made only ${calls} calls; the scenario is too small to prove anything`)
  },
  'a commit that fails is tried again': async t => {
    const { sent } = await traffic(t, { commit: { times: 3, when: 'before' } })
    t.equal(sent.map(s => s.verdict), Array(6).fill('accepted'), 'the outcomes of all')
  },
  'a caller whose process died sends again and learns the outcome': async t => {
    const list = t.id('list'), calls = [5, 6, 7, 8, 9, 10].slice(0, Math.max(2, t.cases(6)))
    for (const when of ['before', 'after'] as const) for (const call of calls) {
      const item = `${when}-${call}`, dying = await t.start([append], { faults: { crash: { call, when } } })
      const told = dying.tell(Append({ list, item }), { id: t.id(item) })
      await t.until('an answer or the end of the process', async () => told.sent !== undefined || dying.crashed())
      const next = await t.start([append]), sent = await next.send(Append({ list, item }), { id: t.id(item) })
      t.equal(sent.verdict, 'accepted', `the outcome of ${t.id(item)}`)
      await dying.crash()
      await next.crash()
    }
    const row = await t.row(lists, list)
    t.equal([...row!.items].toSorted(), ['before', 'after'].flatMap(w => calls.map(c => `${w}-${c}`)).toSorted(), 'each item is there, and once')
  },
  'what was committed while nobody listened is handled when somebody does': async t => {
    const list = t.id('list'), items = numbered(5), writer = await t.start([append])
    for (const item of items) await writer.send(Append({ list, item, does: ['ring'] }))
    await writer.crash()
    await t.start([journal, ring])
    await t.becomes(async () => (await t.row(journals, list))?.items, items, 'the journal')
    await t.becomes(async () => t.done(bell.port), items, 'the effects')
  },
  'a command that was published outlives its sender': async t => {
    const list = t.id('list'), items = numbered(4), front = await t.start([])
    for (const item of items) front.tell(Append({ list, item }), { ...patient, id: t.id(item) })
    await t.until('the commands on their channel', async () => (await t.channel(Append)).length === items.length)
    await front.crash()
    await t.start([append])
    await t.becomes(async () => (await t.row(lists, list))?.items.toSorted(), items, 'the list')
  },
  'money is neither lost nor made, whichever process dies': async t => {
    const names = [t.id('a'), t.id('b'), t.id('c')], front = await t.start([]), first = await t.start([openAccount, transfer])
    for (const id of names) await front.send(OpenAccount({ id, bank: t.prefix, balance: 100 }))
    let worker = first
    const some = (i: number) => Transfer({ from: names[i % 3]!, to: names[(i + 1 + Math.floor(t.random() * 2)) % 3]!, amount: 1 + i % 7 })
    const told = Array.from({ length: 30 }, (_, i) => front.tell(some(i), { ...patient, id: t.id(`t${i}`) }))
    const answered = (): number => told.filter(x => x.sent !== undefined).length
    for (let n = 0; n < 4; n++) {
      const before = answered()
      await t.until('a few transfers', async () => answered() > before || answered() === told.length)
      await worker.crash()
      worker = await t.start([openAccount, transfer])
    }
    await healing(t, 'all transfers answered', worker, () => t.start([openAccount, transfer]), async () => answered() === told.length)
    const rows = await t.rows(accounts), balances = new Map(names.map(n => [n, 100]))
    for (const e of await t.channel(Transferred)) {
      const { from, to, amount } = e.data as { from: string; to: string; amount: number }
      balances.set(from, balances.get(from)! - amount)
      balances.set(to, balances.get(to)! + amount)
    }
    t.equal(rows.map(r => [r.id, r.balance]), [...balances], 'the balances that the events tell')
    t.equal(rows.reduce((sum, r) => sum + r.balance, 0), 300, 'the money of all accounts')
  },
  'a ledger: while processes are killed, stopped and started at random': async t => {
    const names = numbered(6).map(t.id), items = numbered(t.cases(20)), fronts = [await t.start([]), await t.start([append])], told: { sent: Sent | undefined }[] = []
    const workers: { node: Node; asleep: boolean }[] = []
    const join = async (): Promise<void> => {
      const faults: Faults = t.random() < 0.3 ? { commit: { times: 3, when: t.random() < 0.5 ? 'before' : 'after' } } : {}
      workers.push({ node: await t.start(around, { faults }), asleep: false })
    }
    const one = (): number => Math.floor(t.random() * workers.length)
    t.outside.rule('later', { say: 'fail', times: 1 })
    await join()
    for (const item of items) {
      for (const list of names) {
        const front = fronts[Math.floor(t.random() * 2)]!, draft = Append({ list, item, does: ['ring', 'tell'], ...(t.random() < 0.1 && { later: 'later' }) })
        told.push(front.tell(draft, { ...patient, id: `${list} ${item}` }))
      }
      const what = t.random(), nth = one(), worker = workers[nth]
      if (what < 0.3 && workers.length < 4) await join()
      else if (worker && what < 0.5) await workers.splice(nth, 1)[0]!.node.crash()
      else if (worker && what < 0.7) { worker.asleep = true; await worker.node.pause() }
      else if (worker && what < 0.9) { worker.asleep = false; await worker.node.resume() }
      else if (worker && !worker.asleep) await workers.splice(nth, 1)[0]!.node.close()
      await t.clock.pass(Math.floor(t.random() * 600))
    }
    for (const { node } of workers) await node.resume()
    await join()
    await t.until('all answers', async () => told.every(x => x.sent !== undefined))
    t.equal([...new Set(told.map(x => x.sent!.verdict))], ['accepted'], 'the answers')
    const written = await t.rows(lists)
    t.equal(written.map(r => r.items.toSorted()), names.map(() => items), 'the items of the lists')
    await t.becomes(() => t.rows(journals), written, 'the journals, in the order of the lists')
    await t.becomes(async () => (await t.rows(views)).map(r => [r.items, r.count]), written.map(r => [r.items, items.length]), 'the views')
    await t.becomes(async () => (await t.rows(counters)).map(r => r.n), names.map(() => items.length), 'the counters')
    await t.becomes(async () => new Set(t.outside.done.map(d => d.key)).size, told.length, 'the number of different effects')
    t.equal(await fronts[0]!.parked(), [], 'what is parked')
  },
})
