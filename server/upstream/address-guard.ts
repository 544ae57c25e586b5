import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { UpstreamError } from './upstream-error.ts'

/** Which addresses a connector may call. */
export interface AddressPolicy {
  /** Whether loopback and private networks may be called; link-local ones never are. */
  readonly allowPrivate: boolean
}

/** As `dns.lookup` with `all`: where a name leads to just now. */
export type Resolve = (
  hostname: string,
  options: { readonly all: true; readonly family?: number | 'IPv4' | 'IPv6' },
  callback: (
    error: NodeJS.ErrnoException | null,
    addresses: { address: string; family: number }[],
  ) => void,
) => void

const never = listOf([
  ...['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4'],
  // Where a cloud's machines ask for their own credentials.
  ...['fe80::/10', 'ff00::/8', '::/128', 'fd00:ec2::254/128', '100.100.100.200/32'],
  ...['168.63.129.16/32', '192.0.0.192/32'],
  // Teredo: an address within an address, and no registry.
  '2001::/32',
])
const privately = listOf([
  ...['10.0.0.0/8', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'],
  ...['192.0.0.0/24', '198.18.0.0/15', '::1/128', 'fc00::/7', 'fec0::/10'],
])

/** Why the address must not be called; undefined: it may be. */
export function faultOfAddress(address: string, policy: AddressPolicy): string | undefined {
  const meant = embeddedIpv4(address) ?? address
  const family = isIP(meant) === 6 ? 'ipv6' : 'ipv4'
  if (never.check(meant, family)) {
    return `${address} is a link-local or reserved address, which is never called.`
  }
  if (policy.allowPrivate || !privately.check(meant, family)) return undefined
  return `${address} is a private address, which the connector must allow (allowPrivate).`
}

/**
 * For `net.connect`: looks the name up and leaves out what must not be called, so that the address
 * that is connected to is one that was checked, whatever the name says the next time.
 */
export function guardedLookup(policy: AddressPolicy, resolve: Resolve = lookup): LookupFunction {
  return (hostname, options, callback) => {
    const family = options.family === undefined ? {} : { family: options.family }
    resolve(hostname, { ...family, all: true }, (error, addresses) => {
      const fail = (reason: NodeJS.ErrnoException | UpstreamError) => callback(reason, [])
      if (error) return fail(error)
      const open = addresses.filter(({ address }) => faultOfAddress(address, policy) === undefined)
      const [first] = open
      if (first === undefined) return fail(refusalOf(hostname, addresses, policy))
      if (options.all) callback(null, open)
      else callback(null, first.address, first.family)
    })
  }
}

/** The same for a host that is an address already: those are not looked up. */
export function checkLiteralAddress(hostname: string, policy: AddressPolicy): void {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1')
  const fault = isIP(bare) === 0 ? undefined : faultOfAddress(bare, policy)
  if (fault !== undefined) throw new UpstreamError('unavailable', fault, { step: 'address' })
}

function refusalOf(
  hostname: string,
  addresses: readonly { readonly address: string }[],
  policy: AddressPolicy,
): UpstreamError {
  const [first] = addresses
  const why = first === undefined ? 'it has no address.' : faultOfAddress(first.address, policy)
  return new UpstreamError('unavailable', `${hostname} cannot be called: ${why}`, {
    step: first === undefined ? 'dns' : 'address',
  })
}

/**
 * The IPv4 address that a 6to4, NAT64, translated or "compatible" address leads to; mapped ones the
 * block list knows itself.
 */
function embeddedIpv4(address: string): string | undefined {
  if (isIP(address) !== 6) return undefined
  const words = wordsOf(address)
  const at = words[0] === 0x2002 ? 1 : endsInIpv4(words) ? 6 : undefined
  if (at === undefined) return undefined
  const [high = 0, low = 0] = words.slice(at, at + 2)
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

function endsInIpv4(words: readonly number[]): boolean {
  const [, , , , fifth, sixth, high = 0, low = 0] = words
  if (words[0] === 0x64 && words[1] === 0xff9b) return true
  if (words.slice(0, 4).some((word) => word !== 0)) return false
  const isTranslated = fifth === 0xffff && sixth === 0
  // `::` and `::1` are addresses of their own.
  return isTranslated || (fifth === 0 && sixth === 0 && (high > 0 || low > 1))
}

function wordsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const [, head = '', a, b, c, d] = dotted ?? []
  const word = (high?: string, low?: string) => (Number(high) * 256 + Number(low)).toString(16)
  const plain = dotted ? `${head}${word(a, b)}:${word(c, d)}` : address
  const [left = '', right] = plain.split('::')
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((w) => parseInt(w, 16)))
  const before = parse(left)
  if (right === undefined) return before
  const after = parse(right)
  return [...before, ...Array(Math.max(0, 8 - before.length - after.length)).fill(0), ...after]
}

function listOf(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    list.addSubnet(address, Number(bits), address.includes(':') ? 'ipv6' : 'ipv4')
  }
  return list
}
