export type FileType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'fifo'

/** An entry of a layer, as its archive has it. */
export interface LayerEntry {
  /** From the root, without a slash at either end; of a whiteout what it takes away. */
  readonly path: string
  /** `opaque` takes away what a folder had; `hard link` is another name for `linkTarget`. */
  readonly type: FileType | 'hard link' | 'whiteout' | 'opaque'
  /** Of a file; with its holes, if it has some. */
  readonly sizeBytes: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Seconds since 1970; null: unknown. */
  readonly mtime: number | null
  /** Of a symlink as written; of a hard link the path of the other one. */
  readonly linkTarget: string | null
  /** `major:minor` */
  readonly device: string | null
  readonly sparse: boolean
  /** Where the content begins in the unpacked layer. */
  readonly offsetBytes: number
  /** Of the content of a file without holes, hexadecimal. */
  readonly sha256: string | null
}

export type FileChange = 'added' | 'changed' | 'deleted'

/** A file of an image, or what one of its layers did. */
export interface ImageEntry extends Omit<LayerEntry, 'type'> {
  readonly type: FileType
  /** The number of the layer that it comes from, the lowest is 0; of what was deleted, that deleted it. */
  readonly layer: number
  /** Where its content is: of a hard link perhaps in a lower layer. */
  readonly contentLayer: number
  /** Null: the layer has the same again, or has a folder only for its content. */
  readonly change: FileChange | null
  /** In a layer's own view: whether the whole image shows something else there. */
  readonly hidden: boolean
}

/** An entry that is not shown, and why. */
export interface EntryProblem {
  readonly path: string
  readonly message: string
}
