import { realpathSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runSuccessfully } from '../../test/support/command.ts'
import { needs } from '../../test/support/require.ts'
import { makeTemporaryFolder } from '../../test/support/temporary-folder.ts'

/**
 * Nothing in a test can take the power away, so these look at the system calls instead: which
 * fsync has returned by the time that a promise resolves. A folder made in between marks the time.
 */
const strace = needs({
  program: 'strace',
  package: 'strace',
  // Being there is not enough: containers often forbid ptrace.
  probe: ['-f', '-e', 'trace=none', 'true'],
})

const program = `
const { openFileStore } = await import(process.env.STORE_MODULE)
const { mkdirSync, renameSync } = await import('node:fs')
const root = process.env.STORE_ROOT
const mark = (name) => mkdirSync(process.env.MARKS + '/' + name)
const store = await openFileStore({ root, reserveBytes: 0 })
mark('opened')
await store.startUpload('ab-first-upload')
const writer = await store.openUpload('ab-first-upload', 0)
await writer.write(Buffer.alloc(3_000_000, 1))
await writer.sync()
mark('synced')
await writer.write(Buffer.alloc(10, 1))
await writer.sync()
mark('synced-again')
await writer[Symbol.asyncDispose]()
await store.finish('ab-first-upload')
mark('finished')
await store.finish('ab-first-upload')
mark('finished-again')
const again = await store.openUpload('ab-first-upload', 3_000_010)
await again.sync()
mark('staged-again')
await again.write(Buffer.alloc(2_000_000, 1))
await again[Symbol.asyncDispose]()
await store.finish('ab-first-upload')
mark('finished-without-sync')
const other = await openFileStore({ root, reserveBytes: 0 })
await store.startUpload('ab-other-process')
const third = await store.openUpload('ab-other-process', 0)
await third.write(Buffer.alloc(10, 1))
await third.sync()
await third[Symbol.asyncDispose]()
mark('written')
await other.finish('ab-other-process')
mark('finished-by-another')
await store.startUpload('ef-bytes-alone')
const alone = await store.openUpload('ef-bytes-alone', 0)
const piece = Buffer.alloc(1_000_000, 1)
for (let count = 0; count < 20; count++) await alone.write(piece)
mark('behind')
await alone.syncBytes()
mark('bytes-synced')
await alone[Symbol.asyncDispose]()
await store.finish('ef-bytes-alone')
mark('finished-alone')
await Promise.all(['cd-one', 'cd-two', 'cd-three'].map(async (name) => {
  const location = name + '-together'
  await store.startUpload(location)
  const writer = await store.openUpload(location, 0)
  await writer.write(Buffer.from(name))
  await writer.sync()
  mark('synced-' + name)
  await writer[Symbol.asyncDispose]()
  await store.finish(location)
  mark('finished-' + name)
}))
`

describe.skipIf(strace.skip)(`durability on disk ${strace.reason}`, () => {
  test('nothing is reported before it is on the disk', async () => {
    const folder = makeTemporaryFolder('durability')
    onTestFinished(() => folder[Symbol.asyncDispose]())
    const calls = await trace(folder.path)
    const above = realpathSync(folder.path)
    const root = path.join(above, 'new', 'store')
    const uploads = path.join(root, 'uploads')
    const blobs = path.join(root, 'blobs')

    // The store itself: every new folder above it, its marker complete before it has its name.
    expectOrder(calls, [`mkdir ${path.join(above, 'new')}`, `fsync ${above}`, 'mark opened'])
    expectOrder(calls, [`mkdir ${root}`, `fsync ${path.join(above, 'new')}`, 'mark opened'])
    expectOrder(calls, [`mkdir ${uploads}`, `fsync ${root}`, 'mark opened'])
    expectOrder(calls, [
      /^fsync .*entrepot-store\.json\../,
      /^rename .*entrepot-store\.json$/,
      `fsync ${root}`,
      'mark opened',
    ])

    // What a writer vouches for: its bytes and the file's entry.
    const staged = path.join(uploads, 'ab-first-upload')
    expectOrder(calls, [`create ${staged}`, `fsync ${uploads}`, 'mark synced'])
    expectOrder(calls, ['mark opened', `write ${staged}`, `fsync ${staged}`, 'mark synced'])
    expectSynced(calls, staged, 'mark synced')
    expectOrder(calls, ['mark synced', `write ${staged}`, `fsync ${staged}`, 'mark synced-again'])

    // What is finished: the file, its name, and the new folder that it is in.
    const finished = path.join(blobs, 'ab', 'ab-first-upload')
    const renamed = `rename ${staged} ${finished}`
    const inShard = `fsync ${path.join(blobs, 'ab')}`
    expectOrder(calls, ['mark synced-again', renamed, inShard, 'mark finished'])
    expectSynced(calls, staged, renamed)
    expectOrder(calls, [`mkdir ${path.join(blobs, 'ab')}`, `fsync ${blobs}`, 'mark finished'])
    expectOrder(calls, ['mark finished', `fsync ${path.join(blobs, 'ab')}`, 'mark finished-again'])
    expectOrder(calls, [`rename ${finished} ${staged}`, `fsync ${uploads}`, 'mark staged-again'])

    // Without a sync just before, `finish` makes the bytes durable itself.
    expectOrder(calls, [
      'mark staged-again',
      `write ${staged}`,
      `fsync ${staged}`,
      renamed,
      inShard,
      'mark finished-without-sync',
    ])
    const otherStaged = path.join(uploads, 'ab-other-process')
    expectOrder(calls, [
      'mark written',
      `fsync ${otherStaged}`,
      `rename ${otherStaged} ${path.join(blobs, 'ab', 'ab-other-process')}`,
      inShard,
      'mark finished-by-another',
    ])

    // Bytes synced alone are on the disk before the file is renamed; some went there meanwhile.
    const alone = path.join(uploads, 'ef-bytes-alone')
    const movedAlone = `rename ${alone} ${path.join(blobs, 'ef', 'ef-bytes-alone')}`
    expectOrder(calls, ['mark behind', `fsync ${alone}`, 'mark bytes-synced', movedAlone])
    expectOrder(calls, [movedAlone, `fsync ${path.join(blobs, 'ef')}`, 'mark finished-alone'])
    expectSynced(calls, alone, 'mark bytes-synced')
    expect(calls.filter((call) => isCall(call, `fsync ${alone}`)).length).toBeGreaterThan(1)

    // An fsync is shared only with those whose entry was made before it began.
    for (const name of ['cd-one', 'cd-two', 'cd-three']) {
      const location = `${name}-together`
      const [from, to] = [path.join(uploads, location), path.join(blobs, 'cd', location)]
      expectOrder(calls, [`create ${from}`, `fsync ${uploads}`, `mark synced-${name}`])
      expectOrder(calls, [
        `fsync ${from}`,
        `rename ${from} ${to}`,
        `fsync ${path.join(blobs, 'cd')}`,
        `mark finished-${name}`,
      ])
    }
  })
})

/** A system call that succeeded, and the lines of the trace at which it began and returned. */
interface Call {
  readonly what: string
  readonly start: number
  readonly end: number
}

async function trace(folder: string): Promise<Call[]> {
  const output = path.join(folder, 'trace')
  const marks = path.join(realpathSync(folder), 'marks')
  await mkdir(marks)
  const names = 'fsync,fdatasync,rename,renameat,renameat2,openat,mkdir,pwrite64'
  await runSuccessfully(
    strace.file,
    ['-f', '-y', '-s', '500', '-e', `trace=${names}`, '-o', output, process.execPath].concat([
      '--import',
      'tsx',
      '--input-type=module',
      '--eval',
      program,
    ]),
    {
      env: {
        ...process.env,
        STORE_MODULE: new URL('./file-store.ts', import.meta.url).href,
        STORE_ROOT: path.join(realpathSync(folder), 'new', 'store'),
        MARKS: marks,
      },
    },
  )
  return parseTrace((await readFile(output, 'utf8')).split('\n'), marks)
}

function parseTrace(lines: readonly string[], marks: string): Call[] {
  const calls: Call[] = []
  const begun = new Map<string, { text: string; start: number }>()
  for (const [index, line] of lines.entries()) {
    const [, thread = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (text.endsWith('<unfinished ...>')) {
      begun.set(thread, { text: text.replace(/ *<unfinished \.\.\.>$/, ''), start: index })
      continue
    }
    const earlier = text.startsWith('<... ') ? begun.get(thread) : undefined
    const whole = (earlier?.text ?? '') + text.replace(/^<\.\.\. \w+ resumed>/, '')
    const what = describeCall(whole, marks)
    if (what !== undefined) {
      calls.push({ what, start: earlier?.start ?? index, end: index })
    }
  }
  return calls
}

/** `fsync <path>`, `rename <from> <to>` and so on; undefined for what failed or is of no interest. */
function describeCall(text: string, marks: string): string | undefined {
  const [, name = '', args = ''] = /^(\w+)\((.*)\) += [0-9]/.exec(text) ?? []
  const quoted = [...args.matchAll(/"([^"]*)"/g)].map(([, value]) => value)
  const [, opened = ''] = /^\d+<([^>]*)>/.exec(args) ?? []
  switch (name) {
    case 'fsync':
    case 'fdatasync':
      return `fsync ${opened}`
    case 'pwrite64':
      return `write ${opened}`
    case 'openat':
      return args.includes('O_CREAT') ? `create ${quoted[0]}` : undefined
    case 'mkdir':
      return `mkdir ${quoted[0]}`.replace(`mkdir ${marks}/`, 'mark ')
    default:
      return name.startsWith('rename') ? `rename ${quoted.join(' ')}` : undefined
  }
}

/** Each of these calls began after the one before it had returned. */
function expectOrder(calls: readonly Call[], order: readonly (string | RegExp)[]): void {
  let after = -1
  for (const wanted of order) {
    const found = calls
      .filter((call) => call.start > after && isCall(call, wanted))
      .reduce<Call | undefined>(
        (first, call) => (first && first.end < call.end ? first : call),
        undefined,
      )
    const story = calls.map(({ what, start, end }) => `${start}-${end} ${what}`).join('\n')
    expect(found, `no "${wanted}" after line ${after} of\n${story}`).toBeDefined()
    after = found?.end ?? after
  }
}

/** Nothing was written to the file between its last fsync and this. */
function expectSynced(calls: readonly Call[], file: string, before: string): void {
  const synced = lastBefore(calls, `fsync ${file}`, before)
  expect(lastBefore(calls, `write ${file}`, before).end).toBeLessThan(synced.start)
}

function lastBefore(calls: readonly Call[], what: string, before: string): Call {
  const limit = calls.find((call) => isCall(call, before))?.start ?? -1
  const found = calls.findLast((call) => isCall(call, what) && call.end < limit)
  if (found === undefined) {
    throw new Error(`no "${what}" before "${before}"`)
  }
  return found
}

function isCall(call: Call, wanted: string | RegExp): boolean {
  return typeof wanted === 'string' ? call.what === wanted : wanted.test(call.what)
}
