import { readFileSync } from 'node:fs'
import path from 'node:path'
import { projectFolder } from '../support/build.ts'

const file = path.join(projectFolder, 'docs/behind-a-proxy.md')

/** The document's configuration for a proxy, with the given texts put in place of its examples. */
export function documentedBlock(
  language: 'nginx' | 'apache' | 'caddy',
  replacements: Readonly<Record<string, string>>,
): string {
  const document = readFileSync(file, 'utf8')
  const blocks = [...document.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)]
  const matching = blocks.filter(([, name]) => name === language)
  const block = matching[0]?.[2]
  if (block === undefined || matching.length > 1) {
    throw new Error(`${file} has ${matching.length} blocks of ${language}`)
  }
  return Object.entries(replacements).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the ${language} block says nothing of "${from}"`)
    return text.replaceAll(from, to)
  }, block)
}

/** What the document says that the server behind a proxy needs. */
export function documentedSettings(): { readonly trustProxy: string } {
  const trustProxy = /^with `.*\bENTREPOT_TRUST_PROXY=([^\s`]+)/m.exec(
    readFileSync(file, 'utf8'),
  )?.[1]
  if (trustProxy === undefined) throw new Error(`${file} names no settings for the server`)
  return { trustProxy }
}

/** The Apache modules that the document names. */
export function documentedModules(): readonly string[] {
  const line = /^Modules: (.+)\.$/m.exec(readFileSync(file, 'utf8'))?.[1]
  if (line === undefined) throw new Error(`${file} names no modules`)
  return [...line.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)
}
