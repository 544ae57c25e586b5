import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { type Daemon, startDaemon, waitUntilReady } from './daemon.ts'
import { findFreePort } from './free-port.ts'
import { needs } from './require.ts'
import { makeTemporaryFolder } from './temporary-folder.ts'

const run = promisify(execFile)

/** A service on loopback that stores speak to; gone with this process. */
export interface CloudService extends AsyncDisposable {
  readonly url: string
  readonly port: number
  /** Of the requests that it has had; empty where it has none. */
  readonly logFile: string
}

export const rgwKeys = { accessKeyId: 'TESTKEY', secretAccessKey: 'TESTSECRET' } as const

/** Why it cannot be started; '' if it can. */
export function findRgw(): string {
  return ['radosgw', 'ceph-mon', 'ceph-osd']
    .map((program) => needs({ program, package: 'radosgw ceph-mon ceph-osd' }).reason)
    .filter((reason) => reason !== '')
    .join(', ')
}

/** Ceph's gateway over one monitor and one disk in memory: S3 as it is at other people's places. */
export async function startRgw(memoryBytes = 1024 ** 3): Promise<CloudService> {
  const folder = makeTemporaryFolder('rgw')
  const inside = (...names: string[]) => path.join(folder.path, ...names)
  for (const name of ['mon', 'osd', 'rgw', 'crash']) mkdirSync(inside(name))
  const port = await findFreePort()
  const monitor = `[v2:127.0.0.1:${await findFreePort()}/0,v1:127.0.0.1:${await findFreePort()}/0]`
  const fsid = randomUUID()
  const settings = { folder: folder.path, port, monitor, memoryBytes, fsid }
  writeFileSync(inside('ceph.conf'), configuration(settings))
  writeFileSync(inside('keyring'), '')
  writeFileSync(inside('rgw', 'keyring'), '')
  const config = ['-c', inside('ceph.conf')]
  const daemons: Daemon[] = []
  const start = (program: string, args: readonly string[]) => {
    const daemon = startDaemon({
      program,
      args: [...config, ...args, '-f'],
      logFile: inside(`${program}.out`),
    })
    daemons.push(daemon)
    return daemon
  }
  const end = async () => {
    for (const daemon of daemons.reverse()) await daemon.end('SIGKILL')
    await folder[Symbol.asyncDispose]()
  }
  try {
    const map = ['--create', '--fsid', fsid, '--addv', 'a', monitor, inside('monmap')]
    await run('monmaptool', map)
    await run('ceph-mon', [...config, '-i', 'a', '--mkfs', '--monmap', inside('monmap')])
    start('ceph-mon', ['-i', 'a'])
    const diskId = randomUUID()
    const connect = ['--connect-timeout', '20']
    await run('ceph', [...config, ...connect, 'osd', 'new', diskId], { timeout: 60_000 })
    await run('ceph-osd', [...config, '-i', '0', '--mkfs', '--osd-uuid', diskId])
    start('ceph-osd', ['-i', '0'])
    const gateway = start('radosgw', ['-n', 'client.rgw'])
    const user = ['--uid=test', '--display-name=test', '--access-key=TESTKEY']
    const create = ['user', 'create', ...user, '--secret=TESTSECRET']
    await run('radosgw-admin', [...config, ...create], { timeout: 90_000 })
    const url = `http://127.0.0.1:${port}`
    await waitUntilReady(gateway, () => answers(url), 60)
    return { url, port, logFile: inside('client.rgw.log'), [Symbol.asyncDispose]: end }
  } catch (error) {
    await end()
    throw error
  }
}

export async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).arrayBuffer()
    return true
  } catch {
    return false
  }
}

function configuration(of: {
  readonly folder: string
  readonly port: number
  readonly monitor: string
  readonly memoryBytes: number
  readonly fsid: string
}): string {
  const { folder, port, monitor, memoryBytes, fsid } = of
  return `[global]
fsid = ${fsid}
mon host = ${monitor}
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
keyring = ${folder}/keyring
run dir = ${folder}
crash dir = ${folder}/crash
admin socket = ${folder}/$name.asok
log file = ${folder}/$name.log
pid file = ${folder}/$name.pid
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 2000
osd crush chooseleaf type = 0
mon data avail crit = 1
mon data avail warn = 1
objecter tick interval = 0.2
paxos propose interval = 0.02
paxos min wait = 0.01
debug mon = 0
debug osd = 0
debug rgw = 1
[mon.a]
mon data = ${folder}/mon
[osd.0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = ${memoryBytes}
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw data = ${folder}/rgw
keyring = ${folder}/keyring
rgw gc obj min wait = 5
rgw gc processor period = 5
rgw dynamic resharding = false
rgw enable usage log = false
rgw thread pool size = 16
rgw s3 auth use sts = false
`
}
