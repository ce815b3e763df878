import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ownerOf } from './share.js'

const share = suite('share')
share('differs by one at most, for any number of members', () => {
  for (let members = 1; members <= 9; members++) {
    const names = Array.from({ length: members }, (_, i) => `m${i}`), counts = new Map(names.map(name => [name, 0]))
    for (let p = 0; p < 8; p++) counts.set(ownerOf('news', p, names)!, counts.get(ownerOf('news', p, names)!)! + 1)
    assert.ok(Math.max(...counts.values()) - Math.min(...counts.values()) <= 1)
  }
})
share('begins at other members for other channels', () => {
  assert.ok(new Set(Array.from({ length: 50 }, (_, i) => ownerOf(`channel-${i}`, 0, ['a', 'b', 'c']))).size === 3)
})
share('names nobody where nobody is', () => { assert.is(ownerOf('news', 0, []), undefined) })
share.run()
