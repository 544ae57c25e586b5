import type { Conversation } from './conversations.ts'
import { isOwnPage } from './own-pages.ts'
import type { Reply } from './replies.ts'
import type { Heard } from './talk.ts'
import type { World } from './world.ts'

/**
 * What is wrong with the answers, in words. No 5xx at all: methods and versions that do not exist
 * are 400 here, as everything is that Node's parser refuses, so that 501 and 505 would be news.
 */
export function judge(world: World, conversation: Conversation, heard: Heard): string[] {
  const faults = heard.replies.flatMap((reply) => judgeReply(world, reply))
  if (heard.unanswered !== undefined) faults.push('a whole request was not answered')
  if (heard.failure !== undefined) faults.push(`an answer that is no HTTP: ${heard.failure}`)
  const text = heard.raw.toString('latin1')
  if (/\r\nx-injected:/i.test(text)) faults.push('a request has put a header into the answer')
  if (/\n\s+at \S+ \(|node:internal|\.[jt]s:\d+:\d+/.test(text)) faults.push('a stack trace')
  if (!conversation.caller.seesSecrets) {
    const seen = world.canaries.filter((canary) => text.includes(canary))
    if (seen.length > 0) faults.push(`private content: ${seen}`)
  }
  return faults
}

function judgeReply({ pages }: World, { status, headers, body }: Reply): string[] {
  const type = headers.get('content-type') ?? ''
  const faults: string[] = []
  if (status >= 500) faults.push(`${status}: ${body.toString('latin1').slice(0, 300)}`)
  const isPage = /html/i.test(type) || /^\s*</.test(body.subarray(0, 20).toString('latin1'))
  // A browser is shown that there is no such page.
  const isOwn =
    (status === 200 && body.byteLength === 0) ||
    ([200, 404].includes(status) && isOwnPage(pages, body))
  if (isPage && !isOwn) {
    faults.push(`a page that is not one of the server's: ${status} ${type}`)
  }
  if (status >= 400 && body.byteLength > 0 && !isPage && !isJson(type, body)) {
    faults.push(`a ${status} that is no JSON: ${type} ${body.toString('latin1').slice(0, 200)}`)
  }
  return faults
}

function isJson(type: string, body: Buffer): boolean {
  if (!/^application\/(problem\+)?json$/.test(type)) return false
  try {
    return typeof JSON.parse(body.toString('utf8')) === 'object'
  } catch {
    return false
  }
}
