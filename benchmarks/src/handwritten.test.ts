import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { audit } from './audit.js'
import { handWritten } from './handwritten.js'
import { checked } from './invite.js'
import { type Inviter, emailOf, typedOf } from './inviter.js'
import { lowtide } from './lowtide.js'

const test = suite('what is compared')
const invited = async (inviter: Inviter, many: number): Promise<readonly unknown[]> => {
  const answers: unknown[] = []
  for (let i = 0; i < many; i++) answers.push(await inviter.invite(typedOf(i)))
  return answers
}

for (const [name, make] of [['the baseline', async () => handWritten(checked)], ['Lowtide', () => lowtide(checked)]] as const) {
  test(`${name} does what the audit asks for`, async () => {
    const inviter: Inviter = await make()
    await audit(inviter, 3, await invited(inviter, 3))
    await inviter.close()
  })

  test(`${name} refuses what is no email`, async () => {
    const inviter: Inviter = await make()
    assert.equal(inviter.read(await inviter.invite('nobody')), { refused: 'invalid' })
    assert.is(await inviter.events(), 0)
    await inviter.close()
  })

  test(`the audit notices that ${name} has done too much`, async () => {
    const inviter: Inviter = await make(), answers = await invited(inviter, 3)
    await inviter.invite(emailOf(3))
    const fault = await audit(inviter, 3, answers).then(() => 'none', (e: unknown) => e instanceof Error ? e.message : '')
    assert.is(fault, 'events in the log: expected 3, found 4')
    await inviter.close()
  })
}

test.run()
