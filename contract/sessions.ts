import { z } from 'zod'
import { namedPage } from './page.ts'
import { route } from './route.ts'
import { idInAddress, time } from './words.ts'

export const Whoami = z.object({
  kind: z.enum(['user', 'key', 'anonymous']),
  name: z.string().meta({ description: 'As logs and the audit name the caller.' }),
  user: z
    .object({
      name: z.string(),
      displayName: z.string(),
      email: z.string(),
      groups: z.array(z.string()),
      directory: z.string().nullable().meta({ description: "Null: the server's own users." }),
    })
    .nullable(),
  administrator: z.boolean(),
  generatedPassword: z.boolean().meta({
    description: 'Whether the user still has the password that the first start made up.',
  }),
  session: z.object({ id: z.int(), expires: time }).nullable(),
})
export type Whoami = z.infer<typeof Whoami>

export const SessionInfo = z.object({
  id: z.int(),
  address: z.string(),
  userAgent: z.string(),
  created: time,
  lastUsed: time,
  expires: time,
  current: z.boolean(),
})
export type SessionInfo = z.infer<typeof SessionInfo>

export const sessions = {
  whoami: route('GET', '/api/sessions/whoami', {
    summary: 'Who is calling',
    description: 'Anonymous is an answer too.',
    reply: Whoami,
  }),
  login: route('POST', '/api/sessions/login', {
    summary: 'Begin a session',
    description:
      'Sets a cookie, a new one at every login. The body must be JSON. The user name `api` is refused: a key needs no session.',
    body: z.strictObject({ userName: z.string().max(300), password: z.string().max(4096) }),
    reply: Whoami,
  }),
  logout: route('POST', '/api/sessions/logout', {
    summary: 'End this session',
    description: 'Also where there is none.',
  }),
  logoutEverywhere: route('POST', '/api/sessions/logout-everywhere', {
    summary: 'End all sessions and tokens of the caller',
    description:
      'What `docker login` keeps ends too. API keys stay. `ended` says how many sessions there were.',
    reply: z.object({ ended: z.int() }),
  }),
  list: route('GET', '/api/sessions/list', {
    summary: "List the caller's sessions, the newest first",
    query: z.strictObject({ count: namedPage.count }),
    reply: z.array(SessionInfo),
  }),
  delete: route('POST', '/api/sessions/delete', {
    summary: 'End one of the sessions of the caller',
    description: 'Also where there is none of that number.',
    also: ['DELETE'],
    query: z.strictObject({ id: idInAddress }),
  }),
}
