import { describe } from 'vitest'
import { clouds } from '../support/cloud-stores.ts'
import { testKills } from './kills.ts'
import { bucketPlaces } from './places.ts'

const rgw = clouds.filter(({ name }) => name === 'RGW')

describe.each(rgw)('$name', (kind) => {
  describe.skipIf(kind.missing !== '')(kind.missing || 'kills', () => {
    testKills('bucket', () => bucketPlaces(kind))
  })
})
