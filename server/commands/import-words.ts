import type { ImportSummary } from '../administration/import.ts'
import { type FormatProgress, formatBytes } from './run-report.ts'

/** How far an import is. */
export const formatImportProgress: FormatProgress = (countOf) => {
  const there = countOf('manifestsThere')
  const blobs = countOf('copied') + countOf('linked') + countOf('shared')
  const bytes = formatBytes(countOf('bytesCopied') + countOf('bytesLinked'))
  return `${countOf('manifests')} manifests imported, ${there} were there; ${blobs} blobs (${bytes})`
}

/** What an import has done. */
export function formatImported(
  { counts, reasons, skipped }: ImportSummary,
  isDry: boolean,
): string {
  const { repositories, tags, tagsThere, manifests, manifestsThere } = counts
  const { copied, linked, shared, alreadyThere, elsewhere, bytesCopied, bytesLinked } = counts
  const leftOut = [
    ...some(counts.repositoriesLeftOut, 'repositories'),
    ...some(counts.tagsLeftOut, 'tags'),
  ]
  const why = Object.entries(reasons).map(([reason, count]) => `${count} ${reason}`)
  return [
    `${isDry ? 'Would import from' : 'Imported from'} ${repositories} ${repositories === 1 ? 'repository' : 'repositories'}`,
    `${manifests} manifests, ${manifestsThere} were there; ${tags} tags, ${tagsThere} were there`,
    `${copied} blobs copied (${formatBytes(bytesCopied)}), ${linked} linked (${formatBytes(bytesLinked)}), ${shared} shared with another repository, ${alreadyThere} were there`,
    ...(elsewhere > 0 ? [`${elsewhere} layers are elsewhere (urls), as their images say`] : []),
    ...(leftOut.length > 0 ? [`Not asked for: ${leftOut.join(', ')}`] : []),
    `${skipped.length} skipped${why.length > 0 ? `: ${why.join(', ')}` : ''}`,
  ].join('\n')
}

function some(count: number, what: string): string[] {
  return count > 0 ? [`${count} ${what}`] : []
}
