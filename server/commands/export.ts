import path from 'node:path'
import { RegistryError } from '../domain/errors.ts'
import { parseReference, parseRepositoryPath, type Reference } from '../domain/reference.ts'
import { type Command, isOn, json, textOf, usageError } from './command.ts'
import { runReport } from './run-report.ts'

export const exportCommand: Command = {
  words: 'export',
  operands: ['IMAGE'],
  summary: 'Write a repository, or one image of it, into a folder as an OCI layout.',
  options: {
    to: { type: 'string', sample: 'FOLDER', help: 'Where to: an empty folder.' },
    json,
  },
  settings: ['data-dir', 'database-url', 'secret-key'],
  read: (typed) => {
    const [image = ''] = typed.operands
    const to = textOf(typed, 'to')
    if (to === undefined) throw usageError('Say where to: --to FOLDER.')
    const { name, reference } = splitImage(image)
    const { feedKey: feed, repository } = parseRepositoryPath(name)
    return async (config, terminal) => {
      const { exportNow } = await import('../administration/export.ts')
      using report = runReport(terminal)
      const order = { feed, repository, reference, folder: path.resolve(to), report }
      const { missing, ...done } = await exportNow(config, order)
      const { images, tags, blobs, copied, alreadyThere } = done
      terminal.print(
        isOn(typed, 'json')
          ? JSON.stringify({ ...done, missing }, null, 2)
          : `Exported ${images} images under ${tags} tags, ${blobs} blobs: ${copied} copied, ${alreadyThere} were there; ${missing.length} missing`,
      )
      if (missing.length > 0) {
        throw new RegistryError(
          'UNAVAILABLE',
          `The layout lacks ${missing.length} of what its images need, named above; all the rest is there.`,
        )
      }
    }
  },
}

/** `main/app`, `main/app:1.0`, `main/app@sha256:…`. */
function splitImage(image: string): { name: string; reference: Reference | null } {
  const at = image.indexOf('@')
  const colon = image.lastIndexOf(':')
  const end = at >= 0 ? at : colon > image.lastIndexOf('/') ? colon : image.length
  const reference = end < image.length ? parseReference(image.slice(end + 1)) : null
  return { name: image.slice(0, end), reference }
}
