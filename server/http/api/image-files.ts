import type { imageFiles as routes } from '../../../contract/image-files.ts'
import type { ImageEntry } from '../../domain/archive/entry.ts'
import { type EntryTable, entryAt, findEntry } from '../../domain/archive/entry-table.ts'
import { imageTypeOf, kindOf } from '../../domain/archive/file-kind.ts'
import { RegistryError, refuseField } from '../../domain/errors.ts'
import { hasContent } from '../../registry/files/file-contents.ts'
import type { ReadImage } from '../../registry/files/image-files.ts'
import type { Handlers } from './call.ts'
import type { ApiDeps } from './deps.ts'
import { pageOfDifferences, pageOfFiles, shownEntry } from './file-pages.ts'
import { compareRequest, filesRequest, pathOf } from './file-request.ts'
import { SentFile } from './sent-file.ts'

export function imageFileHandlers(deps: ApiDeps): Handlers<typeof routes> {
  const { imageFiles, fileContents } = deps
  return {
    async list({ query }, call) {
      const image = await imageFiles.read(await filesRequest(deps, query, call))
      if (image.state !== 'ready') return image
      return pageOfFiles(image, tableOf(image, query.layer), query, call)
    },
    async get({ query }, call) {
      const request = await filesRequest(deps, query, call)
      const image = await imageFiles.read(request)
      if (image.state !== 'ready') return image
      const entry = getFile(image, query)
      const shown = shownEntry(image, entry)
      if (!hasContent(entry)) return { state: 'ready', entry: shown, content: null }
      const found = await fileContents.readBeginning({ ...request, image, entry })
      if (found.state !== 'ready') return found
      const truncated = found.bytes.length < entry.sizeBytes
      const content = kindOf(found.bytes, !truncated)
      return {
        state: 'ready',
        entry: shown,
        content: content.kind === 'text' ? { ...content, truncated } : content,
      }
    },
    async download({ query }, call) {
      const request = await filesRequest(deps, query, call)
      const image = await imageFiles.read(request)
      if (image.state === 'unreadable') throw new RegistryError('CONFLICT', image.message)
      if (image.state === 'indexing') throw stillReading()
      const entry = getFile(image, query)
      if (!hasContent(entry)) {
        throw new RegistryError('CONFLICT', `"${entry.path}" has no content that can be sent.`)
      }
      const found = await fileContents.readBeginning({ ...request, image, entry })
      if (found.state === 'unreadable') throw new RegistryError('CONFLICT', found.message)
      if (found.state === 'indexing') throw stillReading()
      return new SentFile({
        name: entry.path.slice(entry.path.lastIndexOf('/') + 1),
        mediaType: imageTypeOf(found.bytes) ?? 'application/octet-stream',
        sizeBytes: entry.sizeBytes,
        stream: fileContents.open({ ...request, image, entry }),
      })
    },
    async compare({ query }, call) {
      const { before, after } = await compareRequest(deps, query, call)
      const found = await imageFiles.compare(before, after)
      if (found.state !== 'ready') return found
      return pageOfDifferences(found, query, call)
    },
  }
}

function stillReading(): RegistryError {
  return new RegistryError(
    'CONFLICT',
    'The layers are still being read: ask files/get how far that is, and try again.',
    { headers: { 'retry-after': '2' } },
  )
}

/** Throws INVALID_FIELDS for a layer that the image does not have. */
function tableOf(image: ReadImage, layer: string | undefined): EntryTable {
  if (layer === undefined) return image.view.whole
  const found = image.view.layers[image.layers.findIndex(({ digest }) => digest === layer)]
  return found?.table ?? refuseField('layer', 'The image has no such layer.')
}

function getFile(
  image: ReadImage,
  query: { readonly path: string; readonly layer?: string | undefined },
): ImageEntry {
  const table = tableOf(image, query.layer)
  const index = findEntry(table, pathOf(query.path))
  if (index < 0) throw new RegistryError('NOT_FOUND', `There is no file "${query.path}".`)
  return entryAt(table, index)
}
