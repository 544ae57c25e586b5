import { image } from '../../support/content.ts'
import { type Scenario, step } from '../steps.ts'
import { pushImage, readManifest } from './images.ts'

const odd = image('odd names')

/** A push into a repository below the scenario's own, then a pull. */
function through(suffix: string): Scenario {
  return {
    name: `the repository name …${suffix}`,
    steps: [...pushImage(odd, '1'), ...readManifest(odd.manifest, '1')].map((one) => ({
      ...one,
      request: one.request.replace('$repo/', `$repo${suffix}/`),
    })),
  }
}

const start = (name: string, shows: readonly string[] = ['name-invalid']) =>
  step(`POST /v2/${name}/blobs/uploads/`, { shows })

export const nameScenarios: readonly Scenario[] = [
  {
    name: 'the base of the protocol',
    steps: [
      step('GET /v2/'),
      step('HEAD /v2/'),
      step('GET /v2', { shows: ['base-slash'] }),
      step('POST /v2/', { shows: ['base-post'] }),
      step('GET /v2/nothing'),
      step('GET /v2/main/app/nothing'),
      step('GET /v2/main/app/'),
    ],
  },
  ...['/blobs/x', '/manifests', '/tags/list', '/a/b/c/d/e/f', '/x__y', '/x---y', '/0'].map(through),
  {
    name: 'names that are none',
    steps: [
      start('main/Upper'),
      start('MAIN/app', ['feed-case']),
      start('main/-app'),
      start('main/app-'),
      start('main/a..b'),
      start('main/a___b'),
      start('main//app', ['path-cleaned']),
      start('main/a%2fb', ['escaped-slash']),
      start('main/%C3%A4'),
      start('main/a%20b'),
      start('main/..', ['path-cleaned']),
      start(`main/${'a'.repeat(250)}`, []),
      start(`main/${'a'.repeat(251)}`, ['name-too-long']),
      start('main', ['feed-alone']),
      step('GET /v2/main/tags/list', { shows: ['feed-alone-read'] }),
      step('GET /v2/main/Upper/manifests/1', { shows: ['name-invalid'] }),
      step('GET /v2/main/Upper/tags/list', { shows: ['name-invalid'] }),
      step('GET /v2/main/%zz/tags/list', { shows: ['bad-escape'] }),
    ],
  },
  {
    name: 'addresses that are not plain',
    steps: [
      step('GET /v2/main/app/../app/tags/list', { shows: ['path-cleaned'] }),
      step('GET /v2//main/app/tags/list', { shows: ['path-cleaned'] }),
      step('GET /v2/main/app/tags/list/', { shows: ['slash-at-the-end'] }),
      step('GET /v2/main/app/tags/list?'),
      step('GET /v2/main/./app/tags/list', { shows: ['path-cleaned'] }),
      step('GET /v2/main/app/manifests/'),
      step('GET /v2/main/app/blobs/'),
    ],
  },
]
