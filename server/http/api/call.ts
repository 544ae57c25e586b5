import type { Api } from '../../../contract/api.ts'
import type { Input, Returned, Route } from '../../../contract/route.ts'
import type { LiveSession } from '../../auth/session.ts'
import type { Actor } from '../../domain/actor.ts'
import type { Principal } from '../../domain/permission.ts'
import type { Caller } from '../base-url.ts'

/** One request to the management API, as handlers see it. */
export interface Call {
  readonly principal: Principal
  /** What the audit is told of the caller. */
  readonly by: Actor
  readonly caller: Caller
  readonly userAgent: string
  /** The session that the caller is known by; null: by something else, or not at all. */
  readonly session: LiveSession['session'] | null
  /** The secret in the session's cookie, whatever it is worth. */
  readonly cookieSecret: string | undefined
  /** Throws if the caller may not do this any more: for before a change that had to wait. */
  admitAgain(): Promise<void>
  /** Whether there is a body that was written as JSON. */
  readonly isJson: boolean
  setHeader(name: string, value: string): void
  /** Instead of 200. */
  setStatus(status: number): void
  /** Says that the list goes on after this one. */
  goesOnAfter(key: string | number): void
}

export type Handler<R extends Route> = (input: Input<R>, call: Call) => Promise<Returned<R>>

/** One handler for every route of a table, under the same names. */
export type Handlers<Table> = {
  readonly [Name in keyof Table]: Table[Name] extends Route ? Handler<Table[Name]> : never
}

export type ApiHandlers = { readonly [Name in keyof Api]: Handlers<Api[Name]> }
