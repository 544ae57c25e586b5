import type { FileType } from '../../../../contract/image-files.ts'

const letters = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  'character-device': 'c',
  'block-device': 'b',
  fifo: 'p',
} as const

/** As `ls -l` and chmod write it: `-rwxr-xr-x (0755)`. */
export function formatMode(mode: number, type: FileType): string {
  const triple = (shift: number, special: boolean, letter: string) => {
    const bits = (mode >> shift) & 7
    const run = bits & 1 ? (special ? letter : 'x') : special ? letter.toUpperCase() : '-'
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${run}`
  }
  const words = [
    triple(6, (mode & 0o4000) !== 0, 's'),
    triple(3, (mode & 0o2000) !== 0, 's'),
    triple(0, (mode & 0o1000) !== 0, 't'),
  ]
  return `${letters[type]}${words.join('')} (${mode.toString(8).padStart(4, '0')})`
}
