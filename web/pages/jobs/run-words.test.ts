import { expect, test } from 'vitest'
import type { RunInfo } from '../../../contract/jobs.ts'
import { durationOf, figuresOf, formatDuration, outcomeOf } from './run-words.ts'

const done: RunInfo = {
  ...{ run: 1, job: 'FeedCleanup', feed: 'main', state: 'succeeded', requestedBy: 'ana' },
  ...{ requestedAt: '2026-11-30T10:00:00.000Z', startedAt: '2026-11-30T10:00:01.000Z' },
  ...{ endedAt: '2026-11-30T10:03:21.000Z', dryRun: false, step: null, repository: null },
  ...{ progress: null, counts: {}, errors: 0, error: null },
}

test('figures are told in words, the bytes first', () => {
  const counts = { blobs: 812, uploads: 14, bytesFreed: 3_200_000_000, manifests: 1 }
  expect(figuresOf({ ...done, counts })).toBe('freed 3.20 GB: 14 uploads, 1 manifest, 812 blobs')
  expect(figuresOf({ ...done, counts, dryRun: true })).toMatch(/^would free 3.20 GB: /)
  expect(figuresOf({ ...done, counts: { tags: 2 }, dryRun: true })).toBe('would take 2 tags')
  const moved = { copied: 3, shared: 1, bytesCopied: 678 }
  expect(figuresOf({ ...done, counts: moved })).toBe('copied 678 B: 3 blobs, 1 blob that was there')
  expect(figuresOf(done)).toBe('nothing to do')
  expect(figuresOf({ ...done, state: 'running' })).toBe('')
})

test('a run that passed something over is not simply done', () => {
  expect(outcomeOf(done)).toEqual({ words: 'done', color: 'green' })
  expect(outcomeOf({ ...done, errors: 1 })).toEqual({ words: 'done, 1 error', color: 'yellow' })
  expect(outcomeOf({ ...done, state: 'failed', errors: 1 }).words).toBe('failed')
})

test('durations are those of a watch', () => {
  expect(formatDuration(durationOf(done, 0) ?? 0)).toBe('3 min 20 s')
  expect(formatDuration(11_600)).toBe('12 s')
  expect(formatDuration(7_500_000)).toBe('2 h 5 min')
  const goesOn = { ...done, state: 'running', endedAt: null } as const
  expect(durationOf(goesOn, Date.parse('2026-11-30T10:00:05.000Z'))).toBe(4000)
  expect(durationOf({ ...goesOn, startedAt: null }, 0)).toBe(null)
})
