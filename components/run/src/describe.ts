import type { Description } from './deployment.js'
import { isRelay, reserved } from './relay.js'
import { type AnyDeployment, groupsOf, isDecider } from './wiring.js'

/** What runs where, what the shell guarantees, and every number in force. */
export const describe = (d: AnyDeployment): Description => {
  const deciders = d.functions.filter(isDecider), groups = groupsOf(deciders)
  const channels = new Set(deciders.flatMap(h => [...h.in, ...h.out]).map(t => t.channel.channel))
  const relays = [...new Set(Object.values(d.processes).flat().filter(isRelay))], relaysOf = (channel: string): string[] => relays.filter(r => r.channels.some(c => c.channel === channel)).map(r => `${reserved}${r.relay}`)
  const using = (channel: string, part: 'in' | 'out'): string[] => deciders.filter(h => h[part].some(t => t.channel.channel === channel)).map(h => h.name)
  return {
    name: d.name, shell: d.shell.name, guarantees: d.shell.guarantees, options: d.options,
    handlers: d.functions.map(h => ({
      name: h.name, kind: h.kind, process: Object.keys(d.processes).filter(p => d.processes[p]!.some(m => m === h)),
      group: groups.find(g => g.some(x => x === h))?.map(x => x.name).toSorted().join('+') ?? '',
      in: h.in.map(t => t.type), out: h.out.map(t => t.type), tables: h.tables.map(t => t.name),
    })),
    channels: [...channels].map(channel => ({ channel, writers: using(channel, 'out'), readers: [...using(channel, 'in'), ...relaysOf(channel)] })),
  }
}
