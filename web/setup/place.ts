/** Where images of a registry are, as clients write it. */
export interface Place {
  /** The server in an image's name: `registry.example.com`, `prodserver:80`. */
  readonly host: string
  /** The server and the registry: what image names begin with. */
  readonly prefix: string
  readonly isPlainHttp: boolean
  /** Whether clients take it for this machine itself, and so need no HTTPS. */
  readonly isLocal: boolean
  /** Whether the port stands there only because docker would take the bare name for a user's. */
  readonly isShortName: boolean
}

/** Where the server answers, as a URL without a path. */
export function originOf({ host, isPlainHttp }: Place): string {
  return `${isPlainHttp ? 'http' : 'https'}://${host}`
}

/** From a registry's `endpointUrl`: `https://registry.example.com/main`. */
export function placeOf(endpointUrl: string): Place {
  const url = new URL(endpointUrl)
  const isPlainHttp = url.protocol === 'http:'
  const isLocal = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/.test(url.hostname)
  const isShortName = url.port === '' && !/[.:]/.test(url.hostname) && url.hostname !== 'localhost'
  const host = isShortName ? `${url.hostname}:${isPlainHttp ? 80 : 443}` : url.host
  const prefix = `${host}${url.pathname.replace(/\/$/, '')}`
  return { host, prefix, isPlainHttp, isLocal, isShortName }
}
