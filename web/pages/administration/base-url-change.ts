/** What another public address means for whoever sets it. */
export interface BaseUrlChange {
  /** Where the pages are from then on. */
  readonly address: string
  /** The cookie of a session is for HTTP or for HTTPS: this one ends with the other. */
  readonly endsSession: boolean
}

/**
 * Undefined where nothing changes for this browser, or where the server will refuse the value. An
 * empty address is the one that is called, `here`.
 */
export function changeOfBaseUrl(
  before: string,
  after: string,
  here: string,
): BaseUrlChange | undefined {
  const [from, to] = [originOf(before || here), originOf(after || here)]
  if (from === undefined || to === undefined || from.origin === to.origin) return undefined
  const endsSession = from.protocol !== to.protocol
  if (!endsSession && to.origin === originOf(here)?.origin) return undefined
  return { address: to.origin, endsSession }
}

function originOf(text: string): URL | undefined {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) ? url : undefined
}
