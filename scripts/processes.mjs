import { standingIn } from './needs/needs.mjs'

const columns = ['process', 'pid', 'port', 'handlers']
const lineOf = ({ process, pid, port, handlers }) => JSON.stringify({ process, pid, port: port ?? null, handlers })
const tableOf = members => {
  const rows = members.map(({ process, pid, port, handlers }) => [process, String(pid), String(port ?? ''), handlers.join(', ')])
  const widths = columns.map((name, i) => Math.max(name.length, ...rows.map(row => row[i].length)))
  return [columns, widths.map(width => '-'.repeat(width)), ...rows].map(row => row.map((cell, i) => cell.padEnd(widths[i])).join('  ').trimEnd()).join('\n')
}
const show = (members, json) => console.log(json ? members.map(lineOf).join('\n') : `\n${tableOf(members)}`)

/** Why a project cannot run so, before anything is started for it: it has no such process, or its shell knows one process only. */
export const processFault = async ({ project, main, only }) => {
  const { deploymentOf, memberOf } = await import('@lowtide/run'), d = await standingIn(project, () => deploymentOf(main, 'ahead'))
  try { for (const name of only === undefined ? Object.keys(d.processes) : [only]) memberOf(d, name) } catch (error) { return error.message }
}

/** All processes of a project's deployment as children of this one, until a signal or the end of this one. */
export const runSplit = async ({ main, json, say }) => {
  const { deploymentOf, split } = await import('@lowtide/run')
  let stop = () => { stop.asked = true }, shown = false
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => stop())
  const processes = split({
    main, deployment: await deploymentOf(main, 'splitting'), output: json ? 'stderr' : 'stdout', tell: say,
    env: port => port === undefined ? {} : { PORT: String(port) }, // whoever knows its URL finds it again
    runs: member => { if (shown && json) show([member], json) },
  })
  let ended = false
  const end = () => { ended = true; return processes.close() }
  if (stop.asked) void end()
  stop = () => void end()
  try {
    const members = await processes.ready
    shown = true
    if (!ended) show(members, json)
  } catch (error) {
    await processes.close()
    throw error
  }
}

/** One process of a project's deployment, in this one. */
export const runOnly = async ({ main, only, json }) => {
  const { deploymentOf, memberOf, run } = await import('@lowtide/run'), d = await deploymentOf(main, 'only')
  const write = process.stdout.write
  if (json) process.stdout.write = (...said) => process.stderr.write(...said) // what the project prints is for people
  const { port } = await run(d, { only }), line = [{ ...memberOf(d, only), pid: process.pid, port }]
  if (json) write.call(process.stdout, `${lineOf(line[0])}\n`)
  else show(line, json)
}
