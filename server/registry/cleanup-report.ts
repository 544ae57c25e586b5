import { setTimeout as sleep } from 'node:timers/promises'

/** Where clean-up tells what it does: the log and the counts of its run. */
export interface CleanupReport {
  /** Aborted: stop after the batch at hand. */
  readonly signal: AbortSignal
  info(message: string): void
  /** One item could not be dealt with. It is counted and shown, and left for the next run. */
  fault(message: string, error: unknown): void
  /** Adds to one of the run's counts. */
  count(what: string, by: number): void
  /** What it is at, in words. */
  progress(words: string): void
}

/** The same report, which ends by another signal. */
export function withSignal(report: CleanupReport, signal: AbortSignal): CleanupReport {
  return {
    signal,
    info: (message) => report.info(message),
    fault: (message, error) => report.fault(message, error),
    count: (what, by) => report.count(what, by),
    progress: (words) => report.progress(words),
  }
}

/** Others write too: clean-up rests a fifth as long as it worked, a second at most. */
export async function rest(startedAt: number): Promise<void> {
  await sleep(Math.min(1000, Math.max(1, (performance.now() - startedAt) / 5)))
}

/**
 * Repeats a pass until one finds nothing to do: what it takes may set other things free. Within the
 * millisecond in which something was freed it is not due yet.
 */
export async function untilNothingIsDue(
  signal: AbortSignal,
  pass: () => Promise<number>,
): Promise<void> {
  while (!signal.aborted && (await pass()) > 0) await sleep(3)
}
