import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readTraces } from '../../server/config/traces.ts'
import { openTraces, type Traces } from '../../server/traces.ts'
import { openMemoryLog } from '../support/memory-log.ts'
import { openReceiver } from './receiver.ts'

/** What is sent, as `name < name of its parent`. */
async function sent(run: (traces: Traces) => Promise<void>): Promise<string[]> {
  await using receiver = await openReceiver()
  const config = { ...readTraces(() => undefined, []), url: receiver.url }
  const traces = await openTraces({ traces: config, log: openMemoryLog().log, version: '1' })
  if (traces === null) throw new Error('they are off')
  await run(traces)
  await traces[Symbol.asyncDispose]()
  const nameOf = (id: string) => receiver.spans.find(({ spanId }) => spanId === id)?.name
  return receiver.spans.map(({ name, parentSpanId }) => `${name} < ${nameOf(parentSpanId)}`)
}

const begin = (traces: Traces) =>
  traces.beginRequest({ method: 'GET', headers: {}, describe: () => ({}) })
const ended = { route: '/', status: 200, describe: () => ({}) }

test('what goes on after a request has neither spans nor ids', async () => {
  const spans = await sent(async (traces) => {
    const request = begin(traces)
    const later = request.within(async () => {
      expect(traces.ids()).toBeDefined()
      await traces.child({ name: 'early' }, async () => {})
      await sleep(20)
      traces.past({ name: 'late past', seconds: 1, isError: false })
      return [await traces.child({ name: 'late' }, async () => 7), traces.ids()]
    })
    await sleep(0)
    request.end(ended)
    request.end(ended)
    expect(await later).toEqual([7, undefined])
  })
  expect(spans).toEqual(['early < GET /', 'GET / < undefined'])
})

test('what a part has begun, and what is awaited at once, hang where they belong', async () => {
  const spans = await sent(async (traces) => {
    const request = begin(traces)
    await request.within(async () => {
      let later: Promise<void> = Promise.resolve()
      await traces.child({ name: 'a' }, async () => {
        later = sleep(20).then(() => traces.child({ name: 'of a, later' }, async () => {}))
        await traces.child({ name: 'in a' }, async () => {})
      })
      await Promise.all(
        ['b', 'c'].map((name) =>
          traces.child({ name }, async () => {
            await sleep(1)
            await traces.child({ name: `in ${name}` }, async () => {})
          }),
        ),
      )
      await traces.root({ name: 'job' }, async () => {
        await traces.child({ name: 'in job' }, async () => {})
      })
      await later
    })
    request.end(ended)
    await traces.child({ name: 'nowhere' }, async () => {})
  })
  expect(spans.toSorted()).toEqual(
    [
      ...['GET / < undefined', 'a < GET /', 'b < GET /', 'c < GET /', 'in a < a', 'in b < b'],
      ...['in c < c', 'in job < job', 'job < undefined', 'of a, later < GET /'],
    ].toSorted(),
  )
})
