import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('arguments of npm run')
const run = (main: string, ...args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [fileURLToPath(new URL(main, import.meta.url)), ...args], { encoding: 'utf8', timeout: 30_000 })
  return { status, stdout, stderr }
}

for (const [main, args, shown] of [
  ['main.js', [], /^Measures [^]*npm run bench \[name\]… -- \[options\][^]* {2}--quick +[^]*figures: memory\/command-64, /],
  ['storm/main.js', ['postgres'], /^Kills [^]*npm run storm postgres -- \[options\][^]* {2}--seed <number> +[^]*saboteurs: '[^]*'\n$/],
] as const) test(`${main}: help ends with 0`, () => {
  for (const help of ['--help', '-h']) {
    const { status, stdout, stderr } = run(main, ...args, help)
    assert.equal([status, stderr], [0, ''])
    assert.match(stdout, shown)
  }
})

for (const [main, args, told] of [
  ['main.js', ['--qiuck'], `npm run bench: there is no option '--qiuck'; nearest: '--quick'; known: --help, --json, --quick; 'npm run bench -- --help' tells more\n`],
  ['main.js', ['--json=yes'], `npm run bench: the option '--json' takes no value, found 'yes'; 'npm run bench -- --help' tells more\n`],
  ['storm/main.js', ['postgres', '--mesages', '5'], `npm run storm postgres: there is no option '--mesages'; nearest: '--messages'; known: --help, --json, --messages, --patience, --relay, --sabotage, --seconds, --seed, --split; 'npm run storm postgres -- --help' tells more\n`],
  ['storm/main.js', ['--seed'], `npm run storm postgres: the option '--seed' needs a value, found none; write --seed=<number>; 'npm run storm postgres -- --help' tells more\n`],
  ['storm/main.js', ['--seed', 'x'], `npm run storm postgres: --seed: expected a whole number above 0, found 'x'; 'npm run storm postgres -- --help' tells more\n`],
  ['storm/main.js', ['postgress'], `npm run storm postgres: there is no storm for 'postgress'; nearest: 'postgres'; known: postgres; 'npm run storm postgres -- --help' tells more\n`],
] as const) test(`${main} ${args.join(' ')}: told in one line, and ends with 2`, () => assert.equal(run(main, ...args), { status: 2, stdout: '', stderr: told }))

test('a saboteur that is none ends with 2', () => {
  const { status, stderr } = run('storm/main.js', '--sabotage', 'skips a mesage')
  assert.is(status, 2)
  assert.match(stderr, `npm run storm postgres: there is no saboteur 'skips a mesage'; nearest: 'skips a message'; known: `)
})

test.run()
