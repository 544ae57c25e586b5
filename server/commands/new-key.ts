import type { Administration } from '../administration.ts'
import { choiceOf, countOf, isOn, type Typed, textOf, textsOf, usageError } from './command.ts'

type Scope = Parameters<Administration['keys']['create']>[0]
type Label = NonNullable<Parameters<Administration['keys']['create']>[1]>

const packagePermissions = ['view', 'add', 'promote', 'delete'] as const
const systemPermissions = ['full-control', 'feeds'] as const

/** What `key create` was asked for. Throws REQUEST_INVALID for what makes no sense. */
export function readNewKey(typed: Typed): { readonly scope: Scope; readonly label: Label } {
  return { scope: readScope(typed), label: readLabel(typed) }
}

function readScope(typed: Typed): Scope {
  const feed = textOf(typed, 'feed')
  const feedGroup = textOf(typed, 'feed-group')
  const user = textOf(typed, 'personal')
  const given = [isOn(typed, 'system') || undefined, feed, feedGroup, user]
  if (given.filter((value) => value !== undefined).length !== 1) {
    throw usageError('Say for what: one of --system, --feed, --feed-group and --personal.')
  }
  if (user !== undefined) {
    return { type: 'personal', user, permissions: chosen(typed, packagePermissions) }
  }
  if (feed === undefined && feedGroup === undefined) {
    return { type: 'system', permissions: chosen(typed, systemPermissions) }
  }
  const permissions = chosen(typed, packagePermissions) ?? ['view']
  return { type: 'feed', feed, feedGroup, permissions }
}

function chosen<const T extends string>(
  typed: Typed,
  choices: readonly T[],
): readonly T[] | undefined {
  const wanted = textsOf(typed, 'permission')
  if (wanted === undefined) return undefined
  return [...new Set(wanted.map((text) => choiceOf('permission', text, choices)))]
}

function readLabel(typed: Typed): Label {
  const days = textOf(typed, 'expires-in-days')
  const expires = textOf(typed, 'expires')
  if (days !== undefined && expires !== undefined) {
    throw usageError('Give --expires or --expires-in-days, not both.')
  }
  return {
    displayName: textOf(typed, 'name') ?? '',
    description: textOf(typed, 'description') ?? '',
    repositories: textOf(typed, 'repositories') ?? null,
    logging: choiceOf('logging', textOf(typed, 'logging') ?? 'none', ['none', 'request']),
    ...(expires !== undefined && { expires: readDate(expires) }),
    ...(days !== undefined && { expiresInDays: countOf('--expires-in-days', days) }),
  }
}

function readDate(text: string): Date {
  const isDate = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?Z)?$/.test(text)
  const date = new Date(isDate ? text : Number.NaN)
  if (!Number.isNaN(date.getTime())) return date
  throw usageError(`--expires "${text}" is no date: write 2027-01-31 or 2027-01-31T12:00:00Z.`)
}
