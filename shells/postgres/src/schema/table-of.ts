/** Rows for people: columns side by side, numbers to the right. */
export const tableOf = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string => {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map(row => String(row[i]).length)))
  const line = (cells: readonly (string | number)[]): string => cells.map((cell, i) => typeof cell === 'number' ? String(cell).padStart(widths[i]!) : cell.padEnd(widths[i]!)).join('  ').trimEnd()
  return [line(head), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n')
}
/** `3 h 20 min`; seconds below two minutes. */
export const duration = (seconds: number): string => {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 120) return `${whole} s`
  const minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24)
  return days > 1 ? `${days} d ${hours % 24} h` : hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`
}
export const bytes = (count: number): string => {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'], power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(count) / 10))
  return `${power === 0 ? count : (count / 1024 ** power).toFixed(1)} ${units[power]}`
}
