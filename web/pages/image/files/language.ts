const byExtension: Readonly<Record<string, readonly string[]>> = {
  bash: ['sh', 'bash', 'bashrc', 'profile', 'ash', 'zsh'],
  css: ['css'],
  dockerfile: ['dockerfile'],
  go: ['go'],
  ini: ['ini', 'toml', 'service', 'desktop', 'cfg', 'sources', 'repo'],
  javascript: ['js', 'mjs', 'cjs', 'jsx'],
  json: ['json', 'map'],
  makefile: ['mk', 'makefile'],
  nginx: ['nginx'],
  perl: ['pl', 'pm'],
  php: ['php'],
  properties: ['properties', 'conf', 'env', 'os-release', 'hosts'],
  python: ['py'],
  ruby: ['rb', 'gemspec', 'gemfile', 'rakefile'],
  sql: ['sql'],
  typescript: ['ts', 'tsx', 'mts'],
  xml: ['xml', 'html', 'htm', 'svg', 'xhtml', 'xsd', 'pom'],
  yaml: ['yaml', 'yml'],
}
const byInterpreter = [
  ['python', 'python'],
  ['perl', 'perl'],
  ['ruby', 'ruby'],
  ['node', 'javascript'],
  ['php', 'php'],
  ['sh', 'bash'],
] as const

/** The language that a file is most likely in, by its name or its first line. */
export function languageOf(name: string, text: string): string | undefined {
  const [interpreter] = /^#!.*/.exec(text) ?? []
  if (interpreter !== undefined) {
    const found = byInterpreter.find(([program]) => interpreter.includes(program))
    if (found) return found[1]
  }
  const lower = name.toLowerCase()
  if (lower.startsWith('dockerfile') || lower.startsWith('containerfile')) return 'dockerfile'
  if (lower === 'nginx.conf') return 'nginx'
  const extension = lower.slice(lower.lastIndexOf('.') + 1)
  return Object.entries(byExtension).find(([, all]) => all.includes(extension))?.[0]
}
