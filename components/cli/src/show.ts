import type { Parked, Report } from '@lowtide/core'
import { age, columns, shortened, visible, visibleLines } from './layout.js'

/** A key may be long; `show` has it whole. */
const longestKey = 40

/** A line for each, the reason as long as fits. */
export const summary = (all: readonly Parked[], now: number, width?: number): string => columns([
  ['id', 'consumer', 'key', 'state', 'attempts', 'age', 'reason'],
  ...all.map(p => [p.id, p.consumer, width === undefined ? p.key : shortened(p.key, longestKey), p.state, String(p.attempts), age(now - Date.parse(p.time)), p.reason.split('\n')[0]!].map(visible)),
], width)

/** Without messages: they may be private, and many. */
export const listed = (all: readonly Parked[], now: number, width?: number): Report => ({
  text: all.length === 0 ? 'nothing is parked' : summary(all, now, width),
  data: { parked: all.map(({ message: _, raw: __, ...rest }) => rest) },
})

export const shown = (p: Parked, now: number): Report => {
  const { message, raw } = p, { data, ...envelope } = message ?? { data: undefined }
  const fields = { id: p.id, consumer: p.consumer, channel: p.channel, partition: p.partition, key: p.key, state: p.state, attempts: String(p.attempts), parked: `${p.time} (${age(now - Date.parse(p.time))} ago)` }
  return {
    text: [
      columns(Object.entries(fields).map(([name, value]) => [name, visible(value)])),
      `reason\n${visibleLines(p.reason)}`,
      ...(message ? [`envelope\n${JSON.stringify(envelope, null, 2)}`, `data\n${JSON.stringify(data, null, 2)}`] : []),
      ...(raw === undefined ? [] : [`raw\n${visible(raw)}`]),
    ].join('\n\n'),
    data: { parked: p },
  }
}
