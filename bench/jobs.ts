import { setTimeout as sleep } from 'node:timers/promises'
import { adminPassword } from '../test/support/process.ts'
import { basicAuthorization } from '../test/support/registry-client.ts'
import type { Target } from './servers.ts'

interface Run {
  readonly run: number
  readonly state: string
  readonly errors: number
  readonly startedAt: string | null
  readonly endedAt: string | null
}

const lookEveryMs = 200

/** Runs a job of a registry to its end; how many seconds it took. Throws unless all of it went well. */
export async function runJob(target: Target, job: string, feed: string): Promise<number> {
  const { run } = await callApi<Run>(target, 'POST', `/api/jobs/run?job=${job}&feed=${feed}`)
  for (;;) {
    const runs = await callApi<Run[]>(target, 'GET', `/api/jobs/runs?after=${run + 1}&count=1`)
    const found = runs.find((each) => each.run === run)
    if (found?.endedAt && found.startedAt) {
      if (found.state !== 'succeeded' || found.errors > 0) {
        throw new Error(`${job} of ${feed} ended as ${found.state}, with ${found.errors} errors`)
      }
      return (Date.parse(found.endedAt) - Date.parse(found.startedAt)) / 1000
    }
    await sleep(lookEveryMs)
  }
}

export async function setSetting(target: Target, name: string, value: string): Promise<void> {
  await callApi(target, 'POST', `/api/settings/set?name=${name}&value=${value}`)
}

async function callApi<T>({ url }: Target, method: string, path: string): Promise<T> {
  const headers = { authorization: basicAuthorization('Admin', adminPassword) }
  const reply = await fetch(url + path, { method, headers })
  const text = await reply.text()
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`)
  return (text === '' ? undefined : JSON.parse(text)) as T
}
