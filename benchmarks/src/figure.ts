/** What one benchmark found: a cost or a rate, beside that of its baseline, measured in the same run. */
export interface Figure {
  readonly name: string; readonly value: number; readonly unit: string; readonly baseline: number
  /** `value` to `baseline`. */
  readonly ratio: number
  /** The smallest and the largest ratio of a single round. */
  readonly range: readonly [number, number]
  /** Rounds that were measured. */
  readonly runs: number
  /** What we want of the ratio; a figure that misses it is slow, not failed. */
  readonly target?: Target | undefined
}
export interface Target { readonly atLeast?: number; readonly atMost?: number }

/** How much work a run does. */
export interface Effort {
  readonly rounds: number; readonly warmUp: number
  /** Commands a round, timed, and those before them, which are not: fresh state has fresh closures, and V8 takes a while to trust them. */
  readonly commands: number; readonly ahead: number
  /** Sizes of the table for growth, the smallest first. */
  readonly rows: readonly number[]
}
export const full: Effort = { rounds: 9, warmUp: 2, commands: 20_000, ahead: 4_000, rows: [1_000, 10_000, 100_000, 1_000_000] }
/** Seconds, not minutes: shows that everything works, and says nothing about speed. */
export const quick: Effort = { rounds: 2, warmUp: 0, commands: 100, ahead: 100, rows: [2_000, 4_000] }

/** Some figures that are measured together. A fault in what was done is thrown; slowness never is. */
export interface Benchmark {
  names(effort: Effort): readonly string[]
  /** At least the figures that are wanted, each as soon as it is there. */
  run(effort: Effort, wanted: ReadonlySet<string>): AsyncIterable<Figure>
  /** What it needs that is not here from the start. It is left out until somebody asks for it by name. */
  readonly extra?: { readonly name: string; installed(): boolean; install(): Promise<void> }
  /** What a reader must know beside the figures. */
  readonly notes?: readonly string[]
}

export const median = (numbers: readonly number[]): number => {
  const sorted = [...numbers].sort((a, b) => a - b), middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A figure from rounds that ran in pairs. */
export const figure = (name: string, unit: string, pairs: readonly (readonly [value: number, baseline: number])[], target?: Target): Figure => {
  const value = median(pairs.map(p => p[0])), baseline = median(pairs.map(p => p[1])), ratios = pairs.map(([v, b]) => v / b)
  return { name, value, unit, baseline, ratio: value / baseline, range: [Math.min(...ratios), Math.max(...ratios)], runs: pairs.length, target }
}

export const meets = ({ ratio, target }: Figure): boolean => ratio >= (target?.atLeast ?? 0) && ratio <= (target?.atMost ?? Infinity)
