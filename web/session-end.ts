import type { QueryClient } from '@tanstack/react-query'
import { forgetSession, whoamiQuery } from './queries/session.ts'
import type { createPages } from './router.tsx'

/**
 * What to do when a call is refused because nobody is signed in: ask who is, and if it is nobody,
 * lead to signing in, once, and from there back here. A late refusal of a former session finds a
 * user and does nothing.
 */
export function watchSession(queries: QueryClient, router: ReturnType<typeof createPages>) {
  const check = async () => {
    const { kind } = await queries.fetchQuery({ ...whoamiQuery, staleTime: 0 })
    const { pathname, href } = router.state.location
    if (kind !== 'anonymous' || pathname === '/sign-in') return
    await router.navigate({ to: '/sign-in', search: { to: href }, replace: true })
    await forgetSession(queries)
  }
  let busy = false
  return () => {
    if (busy) return
    busy = true
    check()
      // The server is out of reach: the page says so itself.
      .catch(() => undefined)
      .finally(() => {
        busy = false
      })
  }
}
