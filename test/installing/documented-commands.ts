import { readFileSync } from 'node:fs'
import path from 'node:path'
import { projectFolder } from '../support/build.ts'

const file = path.join(projectFolder, 'docs/installing.md')

/** The commands that the document has under a heading, with the given texts in place of its examples. */
export function documentedCommands(
  heading: string,
  replacements: Readonly<Record<string, string>>,
): string {
  const [, section = ''] = readFileSync(file, 'utf8').split(`\n## ${heading}\n`)
  const block = /^```sh\n([\s\S]*?)^```$/m.exec(section.split('\n## ')[0] ?? '')?.[1]
  if (block === undefined) throw new Error(`${file} has no commands under "${heading}"`)
  return Object.entries(replacements).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the commands say nothing of "${from}"`)
    return text.replaceAll(from, to)
  }, block)
}
