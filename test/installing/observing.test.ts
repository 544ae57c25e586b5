import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { projectFolder } from '../support/build.ts'
import { startServer, type TestServer } from '../support/server.ts'

const read = (file: string) => readFileSync(path.join(projectFolder, file), 'utf8')

describe('metrics', () => {
  let server: TestServer
  /** By name, `counter`, `gauge` or `histogram`. */
  let served: Map<string, string>

  beforeAll(async () => {
    server = await startServer()
    const answer = await fetch(`${server.url}/metrics`, {
      headers: { authorization: server.admin },
    })
    const types = (await answer.text()).matchAll(/^# TYPE (\S+) (\S+)$/gm)
    served = new Map([...types].map(([, name = '', kind = '']) => [name, kind]))
  })
  afterAll(() => server[Symbol.asyncDispose]())

  test('that are served are those of the page, with their kinds', () => {
    const rows = read('docs/metrics.md').matchAll(/^\| `(\w+)` \| (\w+)/gm)
    const documented = [...rows].map(([, name = '', kind = '']) => [name, kind] as const)
    expect(new Map(documented.toSorted())).toEqual(new Map([...served].toSorted()))
    expect(new Set(documented.map(([name]) => name)).size).toBe(documented.length)
  })

  test.for([
    ['deploy/prometheus/alerts.yaml', expressionsOfAlerts],
    ['deploy/grafana/dashboard.json', expressionsOfPanels],
  ] as const)('%s asks for what is served', ([file, expressionsOf]) => {
    const expressions = expressionsOf(read(file))
    expect(expressions.length).toBeGreaterThan(10)
    for (const expression of expressions) {
      const names = [...expression.matchAll(/\b(?:entrepot|nodejs|process)_\w+/g)].map(
        ([name]) => name,
      )
      const known = names.map((name) => {
        const base = name.replace(/_(?:bucket|sum|count)$/, '')
        return served.get(base) === 'histogram' ? base : name
      })
      for (const name of known) expect([...served.keys()], expression).toContain(name)
      const isOfScrape = /\bup\{job="entrepot"\}/.test(expression)
      expect(known.length > 0 || isOfScrape, expression).toBe(true)
      expect(bracketsOf(expression), expression).toBe(0)
    }
  })

  test('each alert says what is wrong and what to do', () => {
    for (const rule of rulesOf(read('deploy/prometheus/alerts.yaml'))) {
      expect(rule.alert).toMatch(/^Entrepot[A-Z]/)
      expect(['critical', 'warning']).toContain(rule.labels.severity)
      expect(rule.annotations.summary.length).toBeGreaterThan(20)
      expect(rule.annotations.description.length).toBeGreaterThan(20)
    }
  })
})

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

function rulesOf(text: string): readonly Rule[] {
  const { groups } = parse(text) as {
    readonly groups: readonly { readonly rules: readonly Rule[] }[]
  }
  return groups.flatMap(({ rules }) => rules)
}

function expressionsOfAlerts(text: string): string[] {
  return rulesOf(text).map(({ expr }) => expr)
}

function expressionsOfPanels(text: string): string[] {
  const { panels } = JSON.parse(text) as {
    readonly panels: readonly { readonly targets: readonly { readonly expr: string }[] }[]
  }
  return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))
}

/** How many are open at the end. */
function bracketsOf(expression: string): number {
  const bare = expression.replaceAll(/"[^"]*"/g, '')
  const count = (pattern: RegExp) => [...bare.matchAll(pattern)].length
  return Math.abs(count(/[([{]/g) - count(/[)\]}]/g))
}

describe('the log', () => {
  const page = [...read('docs/log.md').matchAll(/^\| (debug|info|warn|error) \| (.+?) \| /gm)].map(
    ([, level = '', message = '']) => `${level} ${message}`,
  )
  const sources = readdirSync(path.join(projectFolder, 'server'), {
    recursive: true,
    encoding: 'utf8',
  })
    .filter((file) => file.endsWith('.ts') && !/\.(?:test|suite)\.ts$/.test(file))
    .map((file) => ({ file, text: read(path.join('server', file)) }))
  const calls = sources.flatMap(({ file, text }) =>
    callsOf(text).map((each) => ({ file, ...each })),
  )
  /** Calls whose words come from elsewhere, and what the page has for them. */
  const indirect: Readonly<Record<string, readonly string[]>> = {
    'app/sweeping.ts': [...read('server/app/sweeping.ts').matchAll(/failure: '([^']+)'/g)].map(
      ([, words = '']) => `error ${words}`,
    ),
    'db/sqlite-writer.ts': [
      ...read('server/db/sqlite-writer.ts').matchAll(/'(The database takes no writes[^']+)'/g),
    ].map(([, words = '']) => `warn ${words}`),
    'http/base-url-watch.ts': [
      ...read('server/http/base-url-watch.ts').matchAll(/text:\s*`([^`]+)`/g),
    ].map(([, words = '']) => `warn ${words.replaceAll(/\$\{[^}]*\}/g, '…').trim()} …`),
    'http/v2/errors.ts': [
      "error … (the refusal's own words)",
      "debug … (the other registry's fault)",
    ],
  }

  test('has its messages on the page, and the page has no others', () => {
    expect(calls.length).toBeGreaterThan(30)
    const known = calls.flatMap(({ file, level, message }) => {
      if (message !== null) return [`${level} ${message}`]
      expect(Object.keys(indirect), `${file} logs words of elsewhere`).toContain(file)
      return indirect[file] ?? []
    })
    // Two words in one call.
    const spread = known.flatMap((line) =>
      line === 'info A job …' ? ['info A job ended', 'info A job was cancelled'] : [line],
    )
    expect([...new Set(page)].toSorted()).toEqual([...new Set(spread)].toSorted())
  })
})

/** The calls of a log in a source: the message if it stands there, `…` for what is put into it. */
function callsOf(text: string): { readonly level: string; readonly message: string | null }[] {
  const begins = text.matchAll(/(?:\blog|#log|#sink|\blog\(\))\??\.(debug|info|warn|error)\(/g)
  return [...begins].map(({ 0: { length }, 1: level = '', index }) => {
    const args = argumentsOf(text.slice(index + length))
    const [, words] =
      /(?:^|,)\s*(?:'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`),?\s*$/
        .exec(args)
        ?.filter((part) => part !== undefined) ?? []
    const message =
      words === undefined ? null : words.replaceAll(/\$\{(?:[^{}]|\{[^}]*\})*\}/g, '…')
    return { level, message }
  })
}

/** Up to the bracket that closes them. */
function argumentsOf(text: string): string {
  let depth = 1
  for (let at = 0; at < text.length; at += 1) {
    if ('([{'.includes(text[at] ?? ' ')) depth += 1
    if (')]}'.includes(text[at] ?? ' ')) depth -= 1
    if (depth === 0) return text.slice(0, at)
  }
  return text
}
