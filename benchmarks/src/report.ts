import { cpus } from 'node:os'
import { type Figure, type Target, meets } from './figure.js'

const six = (n: number): number => Number(n.toPrecision(6))
/** Three digits that count; whole numbers stay whole. */
const short = (n: number): string => Math.abs(n) >= 100 ? Math.round(n).toLocaleString('en-US') : n.toPrecision(3)
const told = (target: Target | undefined): string => target === undefined ? '' : target.atLeast !== undefined ? `>= ${target.atLeast}` : `<= ${target.atMost}`
const columns = ['value', 'unit', 'baseline', 'ratio', 'min-max', 'target', 'runs'] as const
const widths = [10, 11, 10, 6, 11, 7, 5]
const right = [true, false, true, true, true, true, true]

/** One line a figure, for programs. */
export const jsonLine = ({ name, value, unit, baseline, ratio, runs }: Figure): string => JSON.stringify({ name, value: six(value), unit, baseline: six(baseline), ratio: six(ratio), runs })

/** Lines of a table, each of which can be printed as soon as it is known. */
export const table = (names: readonly string[]) => {
  const first = Math.max(...names.map(n => n.length))
  const line = (name: string, cells: readonly string[]): string => [name.padEnd(first), ...cells.map((c, i) => right[i] ? c.padStart(widths[i]!) : c.padEnd(widths[i]!))].join('  ').trimEnd()
  return {
    machine: (): string => `Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown processor'}`,
    head: (): string => line('', columns),
    line: (f: Figure): string => line(f.name, [short(f.value), f.unit, short(f.baseline), f.ratio.toFixed(2), `${f.range[0].toFixed(2)}-${f.range[1].toFixed(2)}`, told(f.target), String(f.runs)]) + (meets(f) ? '' : '  missed'),
  }
}

/** What goes on, for whoever watches a terminal: some figures take minutes. */
export const progress = (text: string): void => { if (process.stderr.isTTY) console.error(`  ${text}`) }
