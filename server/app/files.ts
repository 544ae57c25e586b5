import { FileContents } from '../registry/files/file-contents.ts'
import { type FileLimits, fileLimits } from '../registry/files/file-limits.ts'
import { ImageFiles, type ImageFilesDeps } from '../registry/files/image-files.ts'

export interface FilesOptions {
  readonly closers: (() => PromiseLike<void> | void)[]
  /** Other limits than the usual ones. */
  readonly files?: Partial<FileLimits>
}

/** What looks into images. */
export function openFiles(deps: Omit<ImageFilesDeps, 'limits'>, { closers, files }: FilesOptions) {
  const imageFiles = new ImageFiles({ ...deps, limits: { ...fileLimits, ...files } })
  closers.push(() => imageFiles[Symbol.asyncDispose]())
  const fileContents = new FileContents(imageFiles)
  closers.push(() => fileContents[Symbol.asyncDispose]())
  return { imageFiles, fileContents }
}
