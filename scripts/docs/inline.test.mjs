import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { blocksOf, proseOf, read } from './markdown.mjs'
import { inlineOf, untyped } from './inline.mjs'

const test = suite('commands in tables and sentences')
const faults = (text, given) => untyped('a.md', given, text).map(({ message }) => message.split(':')[1])
const typed = (...lines) => `\n\`\`\`sh\n${lines.join('\n')}\n\`\`\`\n`

test('a command that nothing types is told on its line', () => {
  for (const [told, command] of [
    ['| x | `npx lowtide parked list --state parked` |', 'npx lowtide parked list'], ['Run `lowtide migrate --adopt`.', 'npx lowtide migrate'], ['then `consumers reset customer-view --to end`', 'npx lowtide consumers reset customer-view --to start'],
    ['with `--force`', 'npx lowtide status'], ['`npm start -- --split`', 'npm start'], ['`npm ci && npm run bench`', 'npm ci'], ['`GET /health/live`', 'curl http://127.0.0.1:4000/health/ready'], ['so does `drop table x`', 'echo drop'], ['`lowtide outbox drain`', 'npx lowtide outbox status'],
    ['`lowtide parked list --consumer relay-…`', 'npx lowtide parked list'], ['`npx lowtide parked show <id>`', 'npx lowtide parked list $id'], ['`npx lowtide status`', 'npx lowtide status --json'],
  ]) assert.match(untyped('a.md', {}, `a\n${told}\n${typed(command)}`)[0]?.message ?? `no fault of ${told}`, /^a\.md:2 nothing types '/)
})

test('one that is typed is none: with the project named, an id filled in, or more behind a verb', () => {
  for (const [told, command] of [
    ['`npx lowtide parked list --consumer a`', 'npx lowtide --project gql-postgres parked list --consumer a 2> /dev/null | grep x'], ['`npx lowtide parked discard --yes <id>`', 'npx lowtide parked discard --yes $id'], ['`lowtide status`', 'npx lowtide --project x status --json'],
    ['`outbox drain`, `--timeout <seconds>`', 'npx lowtide outbox drain --timeout 5'], ['`lowtide migrate --adopt`', 'until npx lowtide migrate --dry --adopt; do sleep 1; done'], ['`npm ci && npm test`', 'true'], ['`alter table … set schema …`', 'psql "alter table a\n set schema b"'], ['`GET /x`', 'curl -s http://127.0.0.1:4000/x'],
    ['`lowtide parked list --consumer relay-…`', 'npx lowtide parked list --consumer relay-mail'], ['`status`, `parked`, `retention`, `lowtide`', 'npx lowtide status'],
  ]) assert.equal(faults(`${told}\n${typed(command)}`), [], told)
})

test('a hidden block is typed, is no text, and is followed as one that fails where it says so', () => {
  const text = 'a `lowtide status`\n\n<!-- runs fails\nnpx lowtide status\n`lowtide roles`\n-->\nb\n<!-- runs\nnpm start\n-->\n\n<!-- fails -->\n```sh\nfalse\n```\n'
  assert.equal(faults(text), [])
  assert.equal(blocksOf('a.md', text).map(({ line, mark, hidden, text }) => [line, mark, hidden, text.split('\n').length]), [[3, 'fails', true, 2], [8, undefined, true, 1], [13, 'fails', undefined, 1]])
  assert.equal(proseOf(text).split('\n').filter(line => line !== ''), ['a `lowtide status`', 'b', '<!-- fails -->'])
})

test('an excuse has to be needed, and a test that it names has to say what it is said to', () => {
  const told = 'a `npm run bench`\n'
  assert.equal(faults(told, { elsewhere: { 'npm run bench': { why: 'too long' } } }), [])
  assert.match(untyped('a.md', { elsewhere: { 'npm run bench': { test: 'package.json', with: 'no such text' } } }, told)[0].message, 'package.json by')
  assert.match(untyped('a.md', { elsewhere: { 'npm run bench': { why: '' } } }, `${told}${typed('npm run bench')}`)[0].message, 'need not be excused')
})

test('a command that is put into the pages as they are is found, wherever it stands', () => {
  for (const doc of ['docs/operations.md', 'docs/postgres.md', 'README.md']) {
    const text = read(doc), before = untyped(doc, {}, text).length
    for (const command of ['npx lowtide parked list --key nobody', 'lowtide outbox drain --timeout 7', 'consumers rebuild somebody-else', 'npm run storm', 'delete from lowtide.lowtide_log'])
      assert.is(untyped(doc, {}, text.replace(/\n(?=## )/, `\n| x | \`${command}\` |\n\n`)).length, before + 1, `${doc}: ${command}`)
  }
  assert.ok(inlineOf('docs/operations.md').length > 80)
})

test.run()
