import { Badge, Text } from '@mantine/core'
import type { RunInfo } from '../../../contract/jobs.ts'
import { figuresOf, goesOn, outcomeOf } from './run-words.ts'

/** How a run went, or how far it is, in a line. */
export function Outcome({ run }: { readonly run: RunInfo }) {
  const { words, color } = outcomeOf(run)
  const said = goesOn(run) ? (run.progress ?? '') : (run.error ?? figuresOf(run))
  return (
    <>
      <Badge color={color}>{words}</Badge> {run.dryRun && <Badge color="gray">dry run</Badge>}{' '}
      <Text span size="sm" className="wraps">
        {said}
      </Text>
    </>
  )
}
