import { readFileSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { settingNames } from '../../server/config/settings.ts'
import { projectFolder } from '../support/build.ts'
import { runCommand } from '../support/command.ts'
import { mallocSettings } from '../support/process.ts'
import { needs } from '../support/require.ts'
import { makeTemporaryFolder } from '../support/temporary-folder.ts'

const analyze = needs({ program: 'systemd-analyze', package: 'systemd' })
const read = (file: string) => readFileSync(path.join(projectFolder, file), 'utf8')
const variables = new Set(
  settingNames.flatMap((name) => {
    const variable = `ENTREPOT_${name.toUpperCase().replaceAll('-', '_')}`
    return [variable, `${variable}_FILE`]
  }),
)

describe.skipIf(analyze.skip)(`the unit of systemd ${analyze.reason}`, () => {
  test('has nothing that systemd does not know, and hardly leaves the process anything', async () => {
    await using folder = makeTemporaryFolder('unit')
    const unit = path.join(folder.path, 'entrepot.service')
    const program = path.join(folder.path, 'entrepot')
    await copyFile('/bin/true', program)
    await writeFile(
      unit,
      read('deploy/entrepot.service').replace('/usr/local/bin/entrepot', program),
    )
    const verified = await runCommand(analyze.file, ['verify', '--man=no', unit])
    expect(verified).toMatchObject({ code: 0, output: '' })
    const judged = await runCommand(analyze.file, [
      ...['security', '--offline=yes', '--threshold=20', '--no-pager', unit],
    ])
    expect(judged.output).toMatch(/Overall exposure level for entrepot.service: 1\.\d/)
    expect(judged.code).toBe(0)
  })
})

test('settings in the files for containers and services are settings', () => {
  const files = ['Dockerfile', 'compose.yaml', 'deploy/entrepot.service', 'deploy/kubernetes.yaml']
  const named = files.flatMap((file) => read(file).match(/\bENTREPOT_[A-Z_]+/g) ?? [])
  const ownOfCompose = ['ENTREPOT_IMAGE', 'ENTREPOT_PORT']
  expect(named.filter((name) => !variables.has(name) && !ownOfCompose.includes(name))).toEqual([])
  expect(named).toContain('ENTREPOT_DATA_DIR')
})

test('whatever starts it tells glibc to give memory back', () => {
  const wanted = Object.entries(mallocSettings).map((setting) => setting.join('='))
  for (const file of ['Dockerfile', 'deploy/entrepot.service', 'package.json', 'docs/running.md']) {
    for (const setting of wanted) expect(read(file), file).toContain(setting)
  }
})

test('the objects for Kubernetes belong together', () => {
  const objects = parseAllDocuments(read('deploy/kubernetes.yaml')).map((each) => {
    expect(each.errors).toEqual([])
    return each.toJS()
  })
  const [claim, secret, deployment, service] = objects
  expect(objects.map(({ kind }) => kind)).toEqual([
    'PersistentVolumeClaim',
    'Secret',
    'Deployment',
    'Service',
  ])
  const { template, selector, strategy } = deployment.spec
  expect(strategy).toEqual({ type: 'Recreate' })
  expect(template.metadata.labels).toMatchObject(selector.matchLabels)
  expect(service.spec.selector).toEqual(selector.matchLabels)
  const [container] = template.spec.containers
  const mounted = container.volumeMounts.map(({ name }: { name: string }) => name)
  expect(mounted).toEqual(template.spec.volumes.map(({ name }: { name: string }) => name))
  const [data, secrets] = template.spec.volumes
  expect(data.persistentVolumeClaim.claimName).toBe(claim.metadata.name)
  expect(secrets.secret.secretName).toBe(secret.metadata.name)
  expect(container.ports).toContainEqual({
    name: service.spec.ports[0].targetPort,
    containerPort: 8624,
  })
})

test('what compose starts keeps its data and cannot write elsewhere', () => {
  const { services, volumes } = parse(read('compose.yaml'))
  expect(services.entrepot).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
  expect(services.entrepot.volumes).toEqual(['data:/data'])
  expect(Object.keys(volumes)).toEqual(['data'])
})
