import { type Answer, type Certificate, isNamed } from './client-view.ts'
import { type Finding, failure, ok, warning } from './finding.ts'

const dayMs = 24 * 60 * 60 * 1000
/** Certificates that renew themselves do so earlier. */
const warnDays = 21
const maxClockSkewMs = 60_000
/** As long as a token is good; services in the cloud refuse requests that are 15 minutes off. */
const brokenClockSkewMs = 300_000

/** The absolute address of a challenge where tokens are had. */
export function realmOf(challenge: string | null): string | null {
  return /^Bearer .*\brealm="([^"]*)"/i.exec(challenge ?? '')?.[1] ?? null
}

/** Whether `/v2/` answers as clients expect it to: 401 with where to log in. */
export function checkChallenge(name: string, answer: Answer, baseUrl: string): Finding {
  const { status, challenge, problem, url } = answer
  if (status === null) {
    return failure(
      name,
      `${url} does not answer: ${problem ?? 'no reason is known'}.`,
      'See that the address leads to this server from here too: name server, proxy, firewall. If only this machine cannot reach it, clients may.',
    )
  }
  if (status !== 401) {
    return failure(
      name,
      `${url} answers ${status} instead of 401: something else answers there.`,
      'Let the proxy hand on /v2/ unchanged, and set ENTREPOT_BASE_URL to the address that clients use.',
    )
  }
  const realm = realmOf(challenge)
  if (realm === null) {
    return failure(
      name,
      `${url} answers 401 without a Bearer challenge: ${challenge ?? 'no WWW-Authenticate at all'}.`,
      'Let the proxy hand on the header WWW-Authenticate, and ask for no login of its own.',
    )
  }
  if (realm !== `${baseUrl}/v2/_auth`) {
    return failure(
      name,
      `${url} sends clients to ${realm} to log in; it should be ${baseUrl}/v2/_auth.`,
      'Set ENTREPOT_BASE_URL (or the setting Web.BaseUrl) to the address that clients use.',
    )
  }
  return ok(name, `${url} answers 401 and sends clients to ${realm}.`)
}

/** Whether tokens are really to be had where clients are sent. */
export function checkRealm(answer: Answer): Finding {
  const name = 'token realm'
  const isOurs = answer.status === 200 && hasToken(answer.body)
  if (isOurs) return ok(name, `${answer.url} gives tokens.`)
  const found = answer.problem ?? `it answers ${answer.status}`
  return failure(
    name,
    `${answer.url} gives no tokens: ${found}.`,
    'docker login fails so. Let the proxy hand on /v2/_auth to this server.',
  )
}

function hasToken(body: string): boolean {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && 'token' in value
  } catch {
    return false
  }
}

/** How clients reach it: without TLS docker refuses, but for the machine itself. */
export function checkTransport(baseUrl: string): Finding {
  const name = 'encryption'
  const { protocol, hostname } = new URL(baseUrl)
  if (protocol === 'https:') return ok(name, 'Clients use TLS.')
  const isLocal = /^(?:localhost|127\..*|\[::1\])$/.test(hostname)
  if (isLocal) {
    return ok(name, 'Clients of this machine need no TLS; all others would.')
  }
  return warning(
    name,
    `Clients use plain HTTP to ${hostname}: passwords and images can be read and changed on the way.`,
    'Set ENTREPOT_TLS_CERT and ENTREPOT_TLS_KEY, or let a proxy speak TLS. Until then each docker needs insecure-registries.',
  )
}

export function checkCertificate(certificate: Certificate, url: string, now: number): Finding {
  const name = 'certificate'
  const { hostname } = new URL(url)
  const { validTo, validFrom, names, isTrusted } = certificate
  const daysLeft = Math.floor((validTo.getTime() - now) / dayMs)
  const until = validTo.toISOString().slice(0, 10)
  if (validTo.getTime() <= now) {
    return failure(
      name,
      `It expired on ${until}.`,
      'Renew it; the server reads new files by itself.',
    )
  }
  if (validFrom.getTime() > now) {
    return failure(
      name,
      `It is only valid from ${validFrom.toISOString().slice(0, 10)} on.`,
      'Set the clock of this machine right, or use another certificate.',
    )
  }
  if (!isNamed(certificate, hostname)) {
    return failure(
      name,
      `It is for ${names.slice(0, 5).join(', ') || 'no host'}, not for ${hostname}.`,
      `Use a certificate that names ${hostname}, or an address that it names.`,
    )
  }
  if (daysLeft < warnDays) {
    return warning(name, `It expires on ${until}, in ${daysLeft} days.`, 'Renew it now.')
  }
  const soonest = certificate.chain.find((each) => each.validTo.getTime() < now + warnDays * dayMs)
  if (soonest !== undefined) {
    const end = soonest.validTo.toISOString().slice(0, 10)
    return (soonest.validTo.getTime() <= now ? failure : warning)(
      name,
      `${soonest.subject}, above it in the chain, ends on ${end}.`,
      'Get the new certificate of that authority and put it into the chain, or renew the own one.',
    )
  }
  if (!isTrusted) return distrusted(certificate, until)
  return ok(name, `It is valid until ${until}.`)
}

function distrusted({ issuer, distrust, chain }: Certificate, until: string): Finding {
  const sent = chain.length === 0 ? ' It comes alone, without the certificates above it.' : ''
  return warning(
    'certificate',
    `It is valid until ${until}, but this machine does not know who signed it: ${issuer || 'nobody is named'} (${distrust ?? 'no reason'}).${sent}`,
    'If an authority of your own signed it: clients need its certificate, for docker in /etc/docker/certs.d/<host>/ca.crt (entrepot doctor --ca FILE, or NODE_EXTRA_CA_CERTS, looks with it). Else let the proxy send the whole chain (fullchain.pem), the own certificate first.',
  )
}

export function checkClock(name: string, otherMs: number | null, now: number): Finding[] {
  if (otherMs === null) return []
  const seconds = Math.round(Math.abs(otherMs - now) / 1000)
  if (seconds * 1000 < maxClockSkewMs) return [ok(name, 'It agrees with this server.')]
  const way = otherMs > now ? 'ahead of' : 'behind'
  const report = seconds * 1000 < brokenClockSkewMs ? warning : failure
  return [
    report(
      name,
      `It is ${formatSpan(seconds)} ${way} this server, whose clock says ${new Date(now).toISOString()}.`,
      'Let both machines set their clocks by the network (NTP; timedatectl shows whether): tokens, certificates and signed requests depend on it.',
    ),
  ]
}

function formatSpan(seconds: number): string {
  return seconds < 300 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`
}
