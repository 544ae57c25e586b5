import { expect, test } from 'vitest'
import { formatMode } from './file-mode.ts'

test.for([
  [0o755, 'file', '-rwxr-xr-x (0755)'],
  [0o644, 'file', '-rw-r--r-- (0644)'],
  [0o4755, 'file', '-rwsr-xr-x (4755)'],
  [0o2644, 'file', '-rw-r-Sr-- (2644)'],
  [0o1777, 'directory', 'drwxrwxrwt (1777)'],
  [0o777, 'symlink', 'lrwxrwxrwx (0777)'],
  [0, 'fifo', 'p--------- (0000)'],
] as const)('%i of a %s', ([mode, type, words]) => expect(formatMode(mode, type)).toBe(words))
