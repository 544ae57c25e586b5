import { expect, test } from 'vitest'
import { clientsFor, isImageConfig, pullLine } from './pull-lines.ts'

const digest = `sha256:${'0'.repeat(64)}`
const image = {
  ...{ kind: 'image' as const, imageName: 'r.example/main/app', tag: '1.4', tags: ['1.4', 'x'] },
  ...{ digest, config: null },
}
const chartConfig = { mediaType: 'application/vnd.cncf.helm.config.v1+json' }

test('lines by tag and by digest', () => {
  expect(pullLine(image, 'docker', false)).toBe('docker pull r.example/main/app:1.4')
  expect(pullLine(image, 'podman', true)).toBe(`podman pull r.example/main/app@${digest}`)
  expect(pullLine(image, 'containerd', false)).toBe('nerdctl pull r.example/main/app:1.4')
  expect(pullLine(image, 'kubernetes', false)).toBe('image: r.example/main/app:1.4')
})

test('asked for by digest a line still names a tag, if there is one', () => {
  expect(pullLine({ ...image, tag: null }, 'docker', false)).toContain(':1.4')
  expect(pullLine({ ...image, tag: null, tags: [] }, 'docker', false)).toContain(`@${digest}`)
})

test('a chart is pulled with helm, any other artifact with oras', () => {
  const chart = { ...image, kind: 'artifact' as const, tag: '1.0_5', config: chartConfig }
  expect(clientsFor(chart)).toEqual(['helm', 'oras'])
  expect(pullLine(chart, 'helm', false)).toBe('helm pull oci://r.example/main/app --version 1.0+5')
  expect(clientsFor({ ...image, kind: 'artifact' })).toEqual(['oras'])
  expect(clientsFor(image)[0]).toBe('docker')
})

test('images for containers have configs of two types', () => {
  expect(isImageConfig('application/vnd.oci.image.config.v1+json')).toBe(true)
  expect(isImageConfig('application/vnd.docker.container.image.v1+json')).toBe(true)
  expect(isImageConfig(chartConfig.mediaType)).toBe(false)
})
