import { expect, test } from 'vitest'
import { openEncryption } from './encrypted.ts'

const encryption = openEncryption(new Uint8Array(32).fill(1))

test.for(['', 'a', 'päss wörd', 'x'.repeat(10_000)])(
  'what is encrypted can be read: %#',
  (text) => {
    const stored = encryption.encrypt(text, 'directory corp')
    expect(stored).toMatch(/^v1:[\w-]+$/)
    expect(encryption.decrypt(stored, 'directory corp')).toBe(text)
  },
)

test('the same text is never stored twice in the same form', () => {
  const forms = Array.from({ length: 50 }, () => encryption.encrypt('secret', 'directory corp'))
  expect(new Set(forms).size).toBe(50)
})

test('what was moved, changed, cut or encrypted under another key is not read', () => {
  const stored = encryption.encrypt('a secret', 'directory corp')
  const bytes = Buffer.from(stored.slice(3), 'base64url')
  const changed = [...bytes.keys()].map((index) => {
    const copy = Buffer.from(bytes)
    copy.writeUInt8(copy.readUInt8(index) ^ 1, index)
    return `v1:${copy.toString('base64url')}`
  })
  const bad = [
    ...changed,
    'v1:',
    'v1:AAAA',
    '',
    'a secret',
    stored.slice(0, -2),
    `v2${stored.slice(2)}`,
  ]
  for (const each of bad) expect(encryption.tryDecrypt(each, 'directory corp')).toBeUndefined()
  expect(encryption.tryDecrypt(stored, 'directory branch')).toBeUndefined()
  const other = openEncryption(new Uint8Array(32).fill(2))
  expect(other.tryDecrypt(stored, 'directory corp')).toBeUndefined()
  expect(() => other.decrypt(stored, 'directory corp')).toThrow(
    'The stored secret of the directory corp cannot be read',
  )
})
