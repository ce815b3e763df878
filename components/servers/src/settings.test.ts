import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { settingArgs } from './settings.js'

const test = suite('settings')

test('the defaults leave durability as it is', () => {
  assert.equal(settingArgs({}), ['-c', 'max_connections=100', '-c', 'shared_buffers=128MB', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='])
})

test('more settings are added, and those with a default replace it', () => {
  const args = settingArgs({ max_connections: 20, 'auto_explain.log_analyze': true })
  assert.ok(args.includes('max_connections=20') && args.includes('auto_explain.log_analyze=true'))
  assert.not(args.includes('max_connections=100'))
})

test('what another option decides is refused, and so is what is no name', () => {
  assert.throws(() => settingArgs({ Port: 1 }), "[servers] cannot take the setting 'Port': it is the option port; leave it out")
  assert.throws(() => settingArgs({ listen_addresses: '*' }), '127.0.0.1, always')
  assert.throws(() => settingArgs({ 'a=b -c x': 1 }), 'expected a name')
})

test.run()
