import { describe } from 'vitest'
import { backupSuite } from './backup.suite.ts'
import { folderPlaces } from './places.ts'

describe('a backup in a folder', () => {
  backupSuite(async () => folderPlaces())
})
