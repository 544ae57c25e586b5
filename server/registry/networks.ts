import { BlockList, isIP } from 'node:net'

/** Whether the address lies in one of the networks: `10.0.0.0/8`, `2001:db8::/32`, `192.0.2.7`. */
export function isWithin(networks: readonly string[], address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  const family = familyOf(plain)
  if (networks.length === 0 || family === undefined) return false
  const list = new BlockList()
  for (const network of networks) addNetwork(list, network)
  return list.check(plain, family)
}

/** Whether it is a network that can be compared with. */
export function isNetwork(text: string): boolean {
  try {
    return addNetwork(new BlockList(), text)
  } catch {
    return false
  }
}

function addNetwork(list: BlockList, text: string): boolean {
  const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const family = familyOf(address)
  if (family === undefined) return false
  if (bits === undefined) list.addAddress(address, family)
  else list.addSubnet(address, Number(bits), family)
  return true
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address)
  if (version === 0) return undefined
  return version === 4 ? 'ipv4' : 'ipv6'
}
