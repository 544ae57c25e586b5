import { execFileSync } from 'node:child_process'
import { realpathSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { runSuccessfully } from './command.ts'

const npmFolder = path.join(
  execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim(),
  'npm',
)

/** Into /usr. */
const links = ['/bin', '/sbin', '/lib', '/lib64']
const tables = ['/etc/passwd', '/etc/group', '/etc/ld.so.cache']

/**
 * Writes a tar of a Debian root file system: the files of this machine's essential packages, with
 * what they need. It takes the place of images that cannot be pulled here.
 */
export async function writeDebian(file: string, ...more: readonly string[]): Promise<void> {
  const files = filesOf(withNeeded([...essential(), 'libstdc++6']))
  await writeFiles(file, [...links, ...tables, ...files, ...more])
}

/** Whom this machine trusts: npm in a container shall trust no fewer. */
export const trusted = '/etc/ssl/certs/ca-certificates.crt'

/** Node and npm of this machine, as files for `writeDebian`. */
export function nodeFiles(): readonly string[] {
  const bin = execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim()
  return [trusted, process.execPath, bin, ...folderFiles(npmFolder)]
}

/** Programs with the libraries that they are linked to, as files for `writeDebian`. */
export function programFiles(...programs: readonly string[]): readonly string[] {
  const linked = programs.flatMap((program) => {
    const lines = execFileSync('ldd', [program], { encoding: 'utf8' }).split('\n')
    return lines.flatMap((line) => /(\/\S+) \(0x/.exec(line)?.[1] ?? [])
  })
  const libraries = linked.map((file) => file.replace(/^\/lib/, '/usr/lib'))
  // Most are names that lead to others.
  return [...new Set([...programs, ...libraries, ...libraries.map((file) => realpathSync(file))])]
}

/** A folder with all that is in it, as files for `writeDebian`. */
export function folderFiles(folder: string): readonly string[] {
  return execFileSync('find', [folder, '-print0'], largeOutput).split('\0').filter(Boolean)
}

/** A tar of these files, at the places where they are here. */
export async function writeFiles(file: string, files: readonly string[]): Promise<void> {
  const list = `${file}.list`
  writeFileSync(list, files.join('\0'))
  await runSuccessfully('tar', [
    ...['--create', '--file', file, '--null', '--no-recursion', '--directory', '/'],
    ...['--ignore-failed-read', '--absolute-names', '--transform', 's,^/,,S', '--files-from', list],
  ])
}

const largeOutput = { encoding: 'utf8', maxBuffer: 2 ** 26 } as const

/** A line of these fields, a tab between two. */
function shown(...fields: readonly string[]): string {
  return `${fields.map((field) => `$\{${field}}`).join('\\t')}\\n`
}

function essential(): string[] {
  const lines = execFileSync('dpkg-query', ['-W', '-f', shown('Essential', 'Package')], {
    encoding: 'utf8',
  })
  return lines.split('\n').flatMap((line) => (line.startsWith('yes\t') ? [line.slice(4)] : []))
}

/** The packages and those that they need, as far as they are installed. */
function withNeeded(packages: readonly string[]): readonly string[] {
  const fields = shown('Package', 'Pre-Depends', 'Depends')
  const lines = execFileSync('dpkg-query', ['-W', '-f', fields], largeOutput).split('\n')
  const installed = new Map(
    lines.map((line) => {
      const [name = '', ...needed] = line.split('\t')
      return [name, needed.join(',').split(/[,|]/)]
    }),
  )
  const found = new Set<string>()
  const waiting = [...packages]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (found.has(name) || !installed.has(name)) continue
    found.add(name)
    const needed = installed.get(name) ?? []
    waiting.push(...needed.map((each) => each.trim().split(/[ :(]/)[0] ?? '').filter(Boolean))
  }
  return [...found]
}

function filesOf(packages: readonly string[]): string[] {
  const listed = execFileSync('dpkg-query', ['-L', ...packages], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  const unneeded = /^\/usr\/share\/(doc|man|locale|info|lintian|bug)\//
  const files = listed
    .split('\n')
    .filter((file) => file.startsWith('/') && file !== '/.' && !unneeded.test(file))
    // Packages still name what has moved to /usr.
    .map((file) => file.replace(/^\/(bin|sbin|lib|lib64)(?=\/)/, '/usr/$1'))
    .filter((file) => !links.includes(file))
  return [...new Set(files)]
}
