import { type Random, seededRandom } from '../support/random.ts'
import { makeBrokenMessage } from './broken-http.ts'
import { pickCaller } from './credentials.ts'
import {
  type Message,
  makeManifestPush,
  makeMessage,
  makeTokenRequest,
  makeUpload,
} from './messages.ts'
import type { Caller, World } from './world.ts'

/**
 * How it is said: one by one, all at once, broken off in the middle, byte by byte, or begun and
 * left lying.
 */
export type Manner = 'in turn' | 'pipelined' | 'broken off' | 'slow' | 'left lying'

/** What is sent over one connection. The same seed and number make the same one. */
export interface Conversation {
  readonly number: number
  readonly caller: Caller
  readonly manner: Manner
  readonly messages: readonly Message[]
  /** For `broken off`, `slow` and `left lying`: so many bytes are sent, */
  readonly sentBytes: number
  /** and the connection is kept so long. */
  readonly patienceMs: number
}

export function makeConversation(seed: number, number: number, world: World): Conversation {
  const random = seededRandom(seed + Math.imul(number, 0x9e3779b1))
  const caller = pickCaller(random, world)
  const messages = makeMessages(random, world, caller)
  const bytes = messages.reduce((sum, message) => sum + message.bytes.byteLength, 0)
  return {
    number,
    caller,
    manner: pickManner(random),
    messages,
    sentBytes: random.between(1, bytes),
    patienceMs: random.between(100, 10_000),
  }
}

function pickManner(random: Random): Manner {
  const chance = random.next()
  if (chance < 0.8) return 'in turn'
  if (chance < 0.92) return 'pipelined'
  if (chance < 0.98) return 'broken off'
  return chance < 0.99 ? 'slow' : 'left lying'
}

function makeMessages(random: Random, world: World, caller: Caller): readonly Message[] {
  const chance = random.next()
  if (chance < 0.12) return makeUpload(random, world, caller)
  const count = random.between(1, 8)
  return Array.from({ length: count }, () => {
    const kind = random.next()
    if (kind < 0.12) return makeManifestPush(random, world, caller)
    if (kind < 0.2) return makeTokenRequest(random, world, caller)
    if (kind < 0.28) return makeBrokenMessage(random, world, caller)
    return makeMessage(random, world, caller)
  })
}
