import { createHmac, randomBytes, randomInt, scrypt, timingSafeEqual } from 'node:crypto'
import { RegistryError } from '../domain/errors.ts'
import { createBoundedCache } from './bounded-cache.ts'
import { createGate, type Waiter } from './gate.ts'

/** Of passwords that the server makes up. */
export const generatedLength = 24
const minCharacters = 8
const maxBytes = 1024
/** Of scrypt, log2 of N: 32 MiB and about 80 ms a hash. */
const usualCost = 15
const saltBytes = 16
const hashBytes = 32
const maxMemoryBytes = 256 * 1024 * 1024

/** One attempt to log in. */
export interface PasswordAttempt {
  /** The user name that was given, in the form under which users are found. */
  readonly userKey: string
  readonly password: string
  /** Undefined if nobody who may log in has that name: the attempt then takes as long, and fails. */
  readonly account: PasswordAccount | undefined
  /** Who tries; absent: somebody whom the server knows already. */
  readonly waiter?: Waiter
}

export interface PasswordAccount {
  readonly id: number
  readonly credentialVersion: number
  /** `scrypt$N$r$p$salt$hash`. */
  readonly passwordHash: string
}

export interface Passwords {
  /** Throws REQUEST_INVALID for a password that breaks the rules. */
  hash(password: string): Promise<string>
  /** Whether the password is the account's. */
  verify(attempt: PasswordAttempt): Promise<boolean>
  /** Whether it is a hash as `hash` makes them, of the same cost: others could cost anything. */
  isHash(text: string): boolean
}

/**
 * Hashes and verifies, two at once (each takes 32 MiB and a thread that file reads need too). With
 * 64 waiting, who crowds most hears TOOMANYREQUESTS. A verified password is remembered, as an HMAC under a key
 * that this process made up, together with the account's version and hash: Basic on every request
 * costs nothing, and a changed password matches nothing that is remembered. Failures are not.
 * `cost`: log2 of scrypt's N.
 */
export function openPasswords({ cost = usualCost } = {}): Passwords {
  const parameters = { N: 2 ** cost, r: 8, p: 1 }
  const gate = createGate({ maxConcurrent: 2, maxQueued: 64, retryAfterSeconds: 5 })
  const cacheKey = randomBytes(32)
  const verified = createBoundedCache<true>(4096)
  const running = new Map<string, Promise<boolean>>()
  const decoy = formatHash({
    ...parameters,
    salt: randomBytes(saltBytes),
    hash: randomBytes(hashBytes),
  })

  const check = async ({ account, password, waiter }: PasswordAttempt, id: string) => {
    const same = await gate(() => matches(password, account?.passwordHash ?? decoy), waiter)
    if (!same || account === undefined) return false
    verified.set(id, true)
    return true
  }

  return {
    async hash(password) {
      checkPassword(password)
      return await gate(() => hashPassword(password, parameters))
    },
    async verify(attempt) {
      const { userKey, account, password } = attempt
      const fields = [userKey, account?.id, account?.credentialVersion, account?.passwordHash]
      const id = createHmac('sha256', cacheKey)
        .update(JSON.stringify([...fields, password.normalize('NFKC')]))
        .digest('base64')
      if (verified.get(id) === true) return true
      // Clients open many connections at once: the same attempt is made once, known user or not.
      const shared = running.get(id)
      if (shared !== undefined) return await shared
      const attempted = check(attempt, id).finally(() => running.delete(id))
      running.set(id, attempted)
      return await attempted
    },
    isHash: (text) => isHashOf(text, parameters),
  }
}

/**
 * The rules: at least 8 characters and at most 1024 bytes of UTF-8 after normalisation, and no NUL.
 * Passwords are compared in Unicode's form NFKC, since keyboards and systems compose letters
 * differently (NIST SP 800-63B, 3.1.1.2). Throws REQUEST_INVALID.
 */
export function checkPassword(password: string): void {
  const normal = password.normalize('NFKC')
  if (normal.includes('\0')) {
    throw new RegistryError('REQUEST_INVALID', 'The password must not contain a NUL character.')
  }
  if ([...normal].length < minCharacters) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `The password is too short: at least ${minCharacters} characters are needed.`,
    )
  }
  if (Buffer.byteLength(normal) > maxBytes) {
    throw new RegistryError(
      'REQUEST_INVALID',
      `The password is too long: at most ${maxBytes} bytes are allowed.`,
    )
  }
}

async function hashPassword(password: string, cost: ScryptCost): Promise<string> {
  const salt = randomBytes(saltBytes)
  const hash = await derive(password, { ...cost, salt, length: hashBytes })
  return formatHash({ ...cost, salt, hash })
}

function isHashOf(text: string, { N, r, p }: ScryptCost): boolean {
  const prefix = `scrypt$${N}$${r}$${p}$`
  if (!text.startsWith(prefix)) return false
  const parts = text.slice(prefix.length).split('$')
  const bytes = parts.map((part) => Buffer.from(part, 'base64'))
  const whole = parts.every((part, at) => bytes[at]?.toString('base64') === part)
  return (
    whole && bytes.length === 2 && bytes[0]?.length === saltBytes && bytes[1]?.length === hashBytes
  )
}

/** Letters and digits that are not easily mistaken for one another: about 139 bits. */
export function generatePassword(): string {
  const characters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789'
  return Array.from({ length: generatedLength }, () =>
    characters.charAt(randomInt(characters.length)),
  ).join('')
}

async function matches(password: string, passwordHash: string): Promise<boolean> {
  const { hash, ...parameters } = parseHash(passwordHash)
  // To HMAC, and so to scrypt, zeros at the end of a short key are nothing: "x" and "x\0" are one.
  const possible =
    !password.includes('\0') && Buffer.byteLength(password.normalize('NFKC')) <= maxBytes
  // What no password can be takes as long.
  const derived = await derive(possible ? password : '', { ...parameters, length: hash.length })
  return timingSafeEqual(derived, hash) && possible
}

interface ScryptCost {
  readonly N: number
  readonly r: number
  readonly p: number
}

interface ScryptParameters extends ScryptCost {
  readonly salt: Buffer
}

interface PasswordHash extends ScryptParameters {
  readonly hash: Buffer
}

function parseHash(text: string): PasswordHash {
  const match = /^scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([\w+/=]+)\$([\w+/=]+)$/.exec(text)
  const [, N, r, p, salt = '', hash = ''] = match ?? []
  const parsed = { N: Number(N), r: Number(r), p: Number(p), salt: Buffer.from(salt, 'base64') }
  const bytes = Buffer.from(hash, 'base64')
  if (match === null || bytes.length < hashBytes) {
    throw new RegistryError('INTERNAL', 'A stored password hash cannot be read.')
  }
  return { ...parsed, hash: bytes }
}

function formatHash({ N, r, p, salt, hash }: PasswordHash): string {
  return `scrypt$${N}$${r}$${p}$${salt.toString('base64')}$${hash.toString('base64')}`
}

function derive(
  password: string,
  { N, r, p, salt, length }: ScryptParameters & { readonly length: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { N, r, p, maxmem: maxMemoryBytes }
    scrypt(password.normalize('NFKC'), salt, length, options, (error, derived) => {
      if (error) reject(error)
      else resolve(derived)
    })
  })
}
