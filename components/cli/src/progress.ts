import type { Progress } from '@lowtide/run'
import { age } from './layout.js'

/** Milliseconds between two lines. */
const often = 1_000
/** Tells how far it is: the rate since the beginning, and what is left at that rate. */
export const teller = (name: string, json: boolean, now: () => number, note: (text: string) => void) => {
  const begun = now()
  let last = begun
  const figures = ({ events, of }: Progress) => {
    const seconds = (now() - begun) / 1000, rate = seconds > 0 ? Math.round(events / seconds) : 0
    return { events, rate, seconds, ...(of !== undefined && { of, ...(rate > 0 && { left: Math.ceil((of - events) / rate) }) }) }
  }
  return {
    figures,
    progress: (p: Progress): void => {
      if (now() - last < often) return
      last = now()
      const { events, rate, of, left } = figures(p)
      note(json ? JSON.stringify({ progress: { handler: name, events, rate, of, left } }) : `${name}: ${events}${of === undefined ? '' : ` of ${of}`} events, ${rate} a second${left === undefined ? '' : `, ${age(left * 1000)} left`}`)
    },
  }
}
