import { begun } from '../processes/fixture.js'
import { type Role, played } from '../scenario/fixture.js'

// A process of the tests: it runs what it is told to, plays the scenario if it is told to, and ends with whoever started it.
process.on('disconnect', () => process.exit())
const desk = await begun(JSON.parse(process.argv[2]!) as Role, key => process.send?.({ acted: key }))
process.on('message', () => { void played(desk).then(answers => process.send?.({ answers })) })
process.send?.({ runs: true })
