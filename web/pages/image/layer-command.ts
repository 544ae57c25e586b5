import { visible } from '../../parts/visible.ts'

const nop = /^\/bin\/sh -c #\(nop\)\s+/
const run = /^(?:RUN )?\/bin\/sh -c /
const buildArguments = /^\|\d+ .*? \/bin\/sh -c /

/** What a step's history says, as the line of the Dockerfile that it was. */
export function formatCommand(createdBy: string): string {
  return visible(dockerfileLine(createdBy))
}

function dockerfileLine(createdBy: string): string {
  const text = createdBy.replace(/\s+# buildkit\s*$/, '').trim()
  if (nop.test(text)) return text.replace(nop, '')
  if (run.test(text)) return `RUN ${text.replace(run, '')}`
  const [before] = buildArguments.exec(text) ?? []
  if (before !== undefined) return `RUN ${text.slice(before.length)}`
  return text.replace(/^RUN (\|\d+ .*? )?\/bin\/sh -c /, 'RUN ')
}
