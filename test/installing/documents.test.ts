import { readFileSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { settingNames } from '../../server/config/settings.ts'
import { documentedBlock } from '../proxies/documented.ts'
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
  const files = [
    ...['Dockerfile', 'compose.yaml', 'deploy/cluster/compose.yaml'],
    ...['deploy/entrepot.service', 'deploy/kubernetes.yaml', 'deploy/kubernetes-cluster.yaml'],
  ]
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

test.for([
  ['deploy/kubernetes.yaml', ['PersistentVolumeClaim', 'Secret', 'Deployment', 'Service']],
  ['deploy/kubernetes-cluster.yaml', ['Secret', 'Deployment', 'PodDisruptionBudget', 'Service']],
] as const)('the objects for Kubernetes of %s belong together', ([file, kinds]) => {
  const objects = parseAllDocuments(read(file)).map((each) => {
    expect(each.errors).toEqual([])
    return each.toJS()
  })
  expect(objects.map(({ kind }) => kind)).toEqual(kinds)
  const ofKind = (wanted: string) => objects.find(({ kind }) => kind === wanted)
  const [claim, budget] = [ofKind('PersistentVolumeClaim'), ofKind('PodDisruptionBudget')]
  const [secret, deployment, service] = ['Secret', 'Deployment', 'Service'].map(ofKind)
  const { template, selector, strategy } = deployment.spec
  expect(strategy).toEqual({ type: 'Recreate' })
  expect(template.metadata.labels).toMatchObject(selector.matchLabels)
  expect(service.spec.selector).toEqual(selector.matchLabels)
  const [container] = template.spec.containers
  const mounted = container.volumeMounts.map(({ name }: { name: string }) => name)
  expect(mounted).toEqual(template.spec.volumes.map(({ name }: { name: string }) => name))
  const [data, secrets] = template.spec.volumes
  expect(data.persistentVolumeClaim?.claimName).toBe(claim?.metadata.name)
  expect(deployment.spec.replicas).toBe(claim === undefined ? 2 : 1)
  expect(budget?.spec.selector ?? selector).toEqual(selector)
  const files = container.env.filter(({ name }: { name: string }) => name.endsWith('_FILE'))
  expect(files.map(({ value }: { value: string }) => value).toSorted()).toEqual(
    Object.keys(secret.stringData)
      .map((key) => `/secrets/${key}`)
      .toSorted(),
  )
  expect(secrets.secret.secretName).toBe(secret.metadata.name)
  expect(container.ports).toContainEqual({
    name: service.spec.ports[0].targetPort,
    containerPort: 8624,
  })
})

test('what compose starts keeps its data and cannot write elsewhere', () => {
  const { services, volumes } = parse(read('compose.yaml'))
  expect(services.entrepot.volumes).toEqual(['data:/data'])
  expect(Object.keys(volumes)).toEqual(['data'])
})

test.for([
  ['compose.yaml', ['entrepot']],
  ['deploy/cluster/compose.yaml', ['entrepot-1', 'entrepot-2', 'nginx', 'postgres']],
] as const)(
  'what %s starts comes back, has time to end, and no rights but those that it needs',
  ([file, names]) => {
    const { services } = parse(read(file), { merge: true })
    expect(Object.keys(services)).toEqual(names)
    for (const service of Object.values(services)) {
      expect(service).toMatchObject({
        ...{ restart: 'unless-stopped', read_only: true, cap_drop: ['ALL'] },
        security_opt: ['no-new-privileges:true'],
        stop_grace_period: expect.stringMatching(/^[46]0s$/),
      })
    }
  },
)

test('the secrets of several processes come from files, all of which are used', () => {
  const { services, secrets } = parse(read('deploy/cluster/compose.yaml'), { merge: true })
  const each = Object.values(services) as {
    readonly environment?: Readonly<Record<string, string>>
    readonly secrets: readonly string[]
  }[]
  const used = new Set(each.flatMap((service) => service.secrets))
  expect([...used].toSorted()).toEqual(Object.keys(secrets).toSorted())
  for (const { environment = {}, secrets: own } of each) {
    for (const [name, value] of Object.entries(environment)) {
      if (/PASSWORD|KEY|DATABASE_URL|STORE/.test(name)) expect(name).toMatch(/_FILE$/)
      if (name.endsWith('_FILE')) expect(own).toContain(value.replace('/run/secrets/', ''))
    }
  }
})

test('nginx in front of several processes is configured as the document says', () => {
  const documented = documentedBlock('nginx', {
    'server_name registry.example.com': 'server_name _',
    '/etc/nginx/': '/run/secrets/',
    'http://127.0.0.1:8624': 'http://$entrepot:8624',
  })
  const lines = read('deploy/cluster/nginx.conf').split('\n')
  const missing = documented.split('\n').filter((line) => !lines.includes(line))
  expect(missing).toEqual([])
  const more = lines.filter((line) => !documented.split('\n').includes(line))
  expect(more.map((line) => line.trim().split(' ')[0])).toEqual(
    expect.arrayContaining(['resolver', 'set', 'proxy_connect_timeout']),
  )
  expect(more).toHaveLength(6)
})
