import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { right, until, within } from '@lowtide/testing'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { emits, newName, node, reader, site } from './fixture.js'

// Prints how long it takes from a commit to the delivery of its message while nothing else runs; no gate, but that all come.

/** This file is also the program of another process: it publishes and says when each was committed. */
const childOf = process.env['LOWTIDE_TEST_CHILD']
const many = 300, options = { poll: 500, lease: 10_000, partitions: 8 }
const clock = (): number => performance.timeOrigin + performance.now()
const pause = (): Promise<void> => new Promise(resolve => { setTimeout(resolve, 12) }) // so that each is told at once, as when a system is idle

const publishing = async (schema: string, say: (id: string, committed: number) => void): Promise<void> => {
  const one = node(schema, { options })
  for (let i = 0; i < many; i++) {
    const sent = emits('news', i, 1, 50)
    await right(one.transport.publish(sent))
    say(sent[0]!.message.id, clock())
    await pause()
  }
  await one.close()
}
const latency = suite('latency')
for (const [where, deaf] of [['another process, over LISTEN', false], ['this process', true]] as const) {
  latency(`of a message from ${where}`, async () => {
    const at = await site(newName()), one = node(at.schema, { options, deaf }), x = await reader(one, 'views', ['news']), committed = new Map<string, number>()
    await until('greetings', 5_000, () => x.greeted.length === 8)
    if (deaf) for (let i = 0; i < many; i++) {
      const sent = emits('news', i, 1, 50)
      await right(one.transport.publish(sent))
      committed.set(sent[0]!.message.id, clock())
      await pause()
    } else {
      const child = spawn(process.execPath, [fileURLToPath(import.meta.url)], { env: { ...process.env, LOWTIDE_TEST_CHILD: at.schema }, stdio: ['ignore', 'pipe', 'inherit'] })
      let text = ''
      child.stdout.setEncoding('utf8').on('data', (more: string) => { text += more })
      await within(60_000, 'the other process', () => new Promise(resolve => { child.on('close', resolve) }))
      for (const line of text.trim().split('\n')) { const [id, time] = line.split(' '); committed.set(id!, Number(time)) }
    }
    await until('all', 5_000, () => x.got.length === many)
    assert.is(committed.size, many)
    const took = x.got.map(m => Math.max(0, performance.timeOrigin + x.handed.get(m.id)! - committed.get(m.id)!)).sort((a, b) => a - b)
    console.log(`commit to delivered, from ${where}, ${many} commits: p50 ${took[many / 2]!.toFixed(2)} ms, p99 ${took[Math.floor(many * 0.99)]!.toFixed(2)} ms`)
    await one.close()
    await at.drop()
  })
}

if (childOf === undefined) latency.run()
else await publishing(childOf, (id, committed) => { process.stdout.write(`${id} ${committed}\n`) })
