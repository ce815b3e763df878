import { run } from '@lowtide/run'
import { type Role, played } from '../scenario/fixture.js'
import { clubOf } from '../fixture.js'

// A process of the tests: it runs what it is told to, plays the scenario if it is told to, and ends with whoever started it.
process.on('disconnect', () => process.exit())
const role = JSON.parse(process.argv[2]!) as Role, app = await run(clubOf({ ...role, acted: key => process.send?.({ acted: key }) }), { only: role.process, signals: false })
process.on('message', () => { void played(app).then(answers => process.send?.({ answers })) })
process.send?.({ runs: true })
