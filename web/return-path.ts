const home = '/containers'

/**
 * Where signing in leads back to: a path of this server, as `?to=` names it. Anything that a
 * browser could take for another server (`//host`, `/\host`) is the home page.
 */
export function readReturnPath(value: unknown): string {
  if (typeof value !== 'string' || !/^\/(?![/\\])[^\p{Cc}\\]*$/u.test(value)) return home
  return value.startsWith('/sign-in') || value === '/' ? home : value
}
