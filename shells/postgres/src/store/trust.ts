import type { Check, Unit } from '@lowtide/core'
import type { Shape } from './shape.js'

const valueOf = (table: string, index: number, values: readonly unknown[]): string => `${table}\u0000${index}\u0000${values.join('\u0000')}`
/**
 * The checks that indexes do not make by themselves: where a unit inserts a row with the value that nobody may have, its insert is refused if somebody
 * has it. Not so with an update, which leaves an index alone whose value stays.
 */
export const unindexed = ({ checks, writes }: Unit, shapes: (table: string) => Shape): readonly Check[] => {
  if (!checks.some(check => check.index !== undefined)) return checks
  const taken = new Set<string>()
  for (const write of writes) if (write.op === 'insert') for (const [index, columns] of shapes(write.table).table.unique.entries()) {
    const values = columns.map(name => write.row[name])
    if (!values.some(value => value === null || value === undefined)) taken.add(valueOf(write.table, index, values)) // many rows may have none
  }
  return checks.filter(({ table, index, columns }) => index === undefined || !taken.has(valueOf(table, index, shapes(table).table.unique[index]!.map(name => columns[name]))))
}

/** Units that are checked in full after one that was not, and failed. */
const careful = 100
/** Whether the next unit may be left to the indexes. An error stands in the server's log, so where units lose, most of them are to find it out by their checks. */
export const caution = () => {
  let left = 0
  return { trusts: (): boolean => { if (left === 0) return true; left--; return false }, lost: (): void => { left = careful } }
}
