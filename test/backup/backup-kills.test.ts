import { testKills } from './kills.ts'
import { folderPlaces } from './places.ts'

testKills('folder', async () => folderPlaces())
