import { isIPv6 } from 'node:net'

/**
 * What counts as one client: an address, of IPv6 its /64, since whoever has one address there has
 * all of them.
 */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const [plain = ''] = address.split('%')
  const [head = '', tail] = plain.split('::')
  const before = groupsOf(head)
  const behind = tail === undefined ? [] : groupsOf(tail)
  const zeros = Array<number>(Math.max(0, 8 - before.length - behind.length)).fill(0)
  const groups = [...before, ...zeros, ...behind].slice(0, 4)
  return `${groups.map((group) => group.toString(16)).join(':')}::/64`
}

/** The last two may be written as IPv4; their value is of no interest here. */
function groupsOf(text: string): number[] {
  if (text === '') return []
  return text
    .split(':')
    .flatMap((group) => (group.includes('.') ? [0, 0] : [Number.parseInt(group, 16)]))
}
