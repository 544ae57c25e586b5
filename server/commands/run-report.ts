import type { Terminal } from './command.ts'

const tellMs = 10_000

/** What stands in the line that says how far it is. */
export type FormatProgress = (countOf: (what: string) => number) => string

/** Tells on the standard error what goes wrong, and every ten seconds how far it is; Ctrl-C calls it off. */
export function runReport({ note }: Terminal, format: FormatProgress = formatCopies) {
  const counts = new Map<string, number>()
  const stop = new AbortController()
  const callOff = () => stop.abort()
  process.once('SIGINT', callOff)
  process.once('SIGTERM', callOff)
  const tell = () => note(format((what) => counts.get(what) ?? 0))
  const timer = setInterval(tell, tellMs)
  timer.unref()
  return {
    signal: stop.signal,
    info: note,
    fault: (message: string, error: unknown) =>
      note(`${message}: ${error instanceof Error ? error.message : String(error)}`),
    count: (what: string, by: number) => void counts.set(what, (counts.get(what) ?? 0) + by),
    progress: () => {},
    [Symbol.dispose]() {
      clearInterval(timer)
      process.removeListener('SIGINT', callOff)
      process.removeListener('SIGTERM', callOff)
    },
  }
}

function formatCopies(countOf: (what: string) => number): string {
  const bytes = formatBytes(countOf('bytesCopied'))
  return `${countOf('copied')} blobs copied (${bytes}), ${countOf('alreadyThere')} were there`
}

/** `1.5 GB`. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const
  const power = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3))
  const value = bytes / 1000 ** power
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`
}
