import { pathToFileURL } from 'node:url'
import type { AnyDeployment } from '@lowtide/run'
import type { Project } from './project.js'
import { trouble } from './trouble.js'

/** Seconds that a main has until it calls `run`. */
const patience = 10
const door: unique symbol = Symbol.for('lowtide.deployment')

const isDeployment = (d: unknown): d is AnyDeployment => typeof d === 'object' && d !== null && 'shell' in d && 'functions' in d && Array.isArray(d.functions) && 'processes' in d && 'options' in d
const told = (e: unknown): string => !(e instanceof Error) ? String(e) : 'code' in e && e.code === 'WIRING' ? e.message : e.stack ?? e.message

/** The deployment that a project's main gives to `run`, which starts nothing: see `run` of @lowtide/run. */
export const deploymentOf = ({ name, main }: Project): Promise<AnyDeployment> => new Promise((resolve, reject) => {
  const given: unknown[] = []
  const fail = (text: string): void => { end(); reject(trouble(1, `cannot read the project '${name}' (${main}): ${text}`)) }
  const broken = (e: unknown): void => fail(`it failed ${given.length === 0 ? 'before it called' : 'beside'} run(deployment(…)):\n${told(e)}`)
  const idle = (): void => { if (given.length === 0) fail('it ended and never called run(deployment(…)); expected that once') }
  const gone = (): void => { process.exitCode = 1; process.stderr.write(`lowtide: cannot read the project '${name}' (${main}): it ended the process before it called run(deployment(…))\n`) }
  const timer = setTimeout(() => fail(`it did not call run(deployment(…)) within ${patience} s; expected that before anything that waits (and a @lowtide/run no older than this command)`), patience * 1000)
  const end = (): void => {
    clearTimeout(timer)
    process.off('beforeExit', idle).off('exit', gone).off('unhandledRejection', broken).off('uncaughtException', broken)
  }
  const judge = (): void => {
    if (given.length > 1) return fail('it called run more than once; expected one deployment: processes of one are chosen by run(…, { only })')
    const [d] = given
    if (!isDeployment(d)) return fail('what it gave to run is no deployment; expected run(deployment(…)), and packages of Lowtide of one version')
    end()
    return resolve(d)
  }
  // it stays for good: whatever calls `run` later starts nothing either
  const doors = globalThis as { [door]?: (d: unknown) => void }
  doors[door] = d => { if (given.push(d) === 1) setImmediate(judge) }

  process.on('beforeExit', idle).on('exit', gone).on('unhandledRejection', broken).on('uncaughtException', broken)
  timer.unref() // where nothing is left that could call it, `beforeExit` comes first
  process.argv = [process.execPath, main]
  import(pathToFileURL(main).href).then(undefined, broken)
})
