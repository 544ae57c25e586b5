import type { FieldProblem } from './errors.ts'

/** What a connector to another registry is set to; its password is kept elsewhere. */
export interface ConnectorSettings {
  /** `https://registry.example.com`; a path behind it is put in front of every repository's name. */
  readonly url: string
  readonly username: string | null
  readonly timeoutSeconds: number
  /** Repositories: `*` stands for any text; `!` in front blocks. None: all are allowed. */
  readonly filters: readonly string[]
  /** Authorities that are trusted beside the usual ones, as PEM. */
  readonly caCertificate: string | null
  /** Whether its address may be a private one. */
  readonly allowPrivate: boolean
  /** Other hosts that may be sent the credentials, in exchange for a token. */
  readonly realmHosts: readonly string[]
  /** How long a tag that was asked for is not asked for again. */
  readonly freshnessSeconds: number
  /** Whether a name without a slash is also looked for below `library/`, as Docker Hub has them. */
  readonly libraryPrefix: boolean
}

const dockerHub = 'registry-1.docker.io'
const namesOfDockerHub = ['docker.io', 'index.docker.io', 'hub.docker.com', dockerHub]

/** What is not given. */
export function defaultSettings(url: string): ConnectorSettings {
  const isDockerHub = URL.canParse(url) && new URL(url).host === dockerHub
  return {
    ...{ url, username: null, timeoutSeconds: 30, filters: [], caCertificate: null },
    ...{ allowPrivate: false, realmHosts: isDockerHub ? ['auth.docker.io'] : [] },
    ...{ freshnessSeconds: 300, libraryPrefix: isDockerHub },
  }
}

/** In the form in which it is kept: without a slash at its end, and Docker Hub by its registry. */
export function normalUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) return text
  if (namesOfDockerHub.includes(url.host)) url.host = dockerHub
  return url.href.replace(/\/+$/, '')
}

/** What is wrong with the settings, by field; empty: nothing. */
export function listSettingProblems(settings: ConnectorSettings): FieldProblem[] {
  const wrongFilter = settings.filters.find((filter) => !/^!?[a-z0-9._\-/*]{1,255}$/.test(filter))
  const wrongHost = settings.realmHosts.find((host) => !isHost(host))
  const problems: (FieldProblem | undefined)[] = [
    urlProblem(settings.url),
    wholeNumber('timeout', settings.timeoutSeconds, 1, 600),
    wholeNumber('freshnessSeconds', settings.freshnessSeconds, 0, 2_592_000),
    wrongFilter === undefined
      ? undefined
      : {
          field: 'filters',
          message: `"${wrongFilter}" is no filter: a repository's name in lower case, with * for any text, and ! in front to block it.`,
        },
    wrongHost === undefined
      ? undefined
      : { field: 'realmHosts', message: `"${wrongHost}" is no host: write auth.example.com.` },
    settings.username === null || /^[^:\p{Cc}]{1,300}$/u.test(settings.username)
      ? undefined
      : { field: 'username', message: 'It has no colon and no control characters.' },
  ]
  return problems.filter((problem) => problem !== undefined)
}

function urlProblem(text: string): FieldProblem | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return { field: 'url', message: `"${text}" is no URL that begins with https:// or http://.` }
  }
  if (url.username !== '' || url.password !== '') {
    return { field: 'url', message: 'Give user name and password in their own fields.' }
  }
  if (url.search !== '' || url.hash !== '') {
    return { field: 'url', message: 'The URL of a registry has no "?" and no "#".' }
  }
  if (/^\/v[12](?:\/|$)/.test(url.pathname)) {
    return { field: 'url', message: 'Leave /v2 out: it is added.' }
  }
  return undefined
}

/** As it stands in addresses and image names: `registry.example.com:5000`, lower case. */
export function isHost(text: string): boolean {
  return URL.canParse(`https://${text}`) && new URL(`https://${text}`).host === text
}

function wholeNumber(
  field: string,
  value: number,
  least: number,
  most: number,
): FieldProblem | undefined {
  if (Number.isInteger(value) && value >= least && value <= most) return undefined
  return { field, message: `A whole number of seconds from ${least} to ${most}.` }
}

/**
 * The names under which a repository is looked for upstream, in this order; none: it is blocked. A
 * blocking filter holds for each of its names, an allowing one is enough for any.
 */
export function upstreamNames(
  { filters, libraryPrefix }: Pick<ConnectorSettings, 'filters' | 'libraryPrefix'>,
  repository: string,
): string[] {
  const hasLibrary = libraryPrefix && !repository.includes('/')
  const names = hasLibrary ? [repository, `library/${repository}`] : [repository]
  const matches = (filter: string) => names.some((name) => matchesFilter(filter, name))
  const blocking = filters.filter((filter) => filter.startsWith('!'))
  if (blocking.some((filter) => matches(filter.slice(1)))) return []
  const allowing = filters.filter((filter) => !filter.startsWith('!'))
  return allowing.length === 0 || allowing.some(matches) ? names : []
}

/** `*` stands for any text, slashes too. */
export function matchesFilter(filter: string, name: string): boolean {
  const [first = '', ...rest] = filter.split('*')
  const last = rest.pop()
  if (last === undefined) return filter === name
  if (!name.startsWith(first)) return false
  let at = first.length
  for (const part of rest) {
    const found = name.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return name.length - last.length >= at && name.endsWith(last)
}
