/** What a page can show of a file's content. */
export type FileKind =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'image'; readonly mediaType: ShownImageType }
  | { readonly kind: 'binary' }

export type ShownImageType = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp'

/** Images that a browser draws and nothing more: no SVG, which can run scripts. */
const signatures: readonly (readonly [start: string, type: ShownImageType])[] = [
  ['\x89PNG\r\n\x1a\n', 'image/png'],
  ['\xff\xd8\xff', 'image/jpeg'],
  ['GIF87a', 'image/gif'],
  ['GIF89a', 'image/gif'],
]

/** The longest UTF-8 character but one byte. */
const maxCutBytes = 3

/** By the content's beginning; `isWhole` says whether that is all of it. */
export function kindOf(beginning: Uint8Array, isWhole: boolean): FileKind {
  const mediaType = imageTypeOf(beginning)
  if (mediaType !== undefined) return { kind: 'image', mediaType }
  const text = textOf(beginning, isWhole)
  return text === undefined ? { kind: 'binary' } : { kind: 'text', text }
}

export function imageTypeOf(beginning: Uint8Array): ShownImageType | undefined {
  const start = String.fromCharCode(...beginning.subarray(0, 16))
  if (start.startsWith('RIFF') && start.slice(8, 12) === 'WEBP') return 'image/webp'
  return signatures.find(([signature]) => start.startsWith(signature))?.[1]
}

/** UTF-8 without control characters; the last character may have been cut. */
function textOf(bytes: Uint8Array, isWhole: boolean): string | undefined {
  for (let cut = 0; cut <= (isWhole ? 0 : maxCutBytes); cut += 1) {
    try {
      const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
      const text = decoder.decode(bytes.subarray(0, bytes.length - cut))
      return hasControls(text) ? undefined : text
    } catch {
      // One byte less.
    }
  }
  return undefined
}

function hasControls(text: string): boolean {
  return /\p{Cc}/u.test(text.replace(/[\t\n\v\f\r]/g, ''))
}
