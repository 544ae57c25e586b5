import { useNavigate, useRouterState } from '@tanstack/react-router'

/**
 * The query of the address, as plain text: what is seen is what a link to it says. Undefined takes
 * a name out. A change is a step that Back undoes, unless `replace` is given.
 */
export function useAddressQuery() {
  const text = useRouterState({ select: ({ location }) => location.searchStr })
  const path = useRouterState({ select: ({ location }) => location.pathname })
  const navigate = useNavigate()
  const query = new URLSearchParams(text)
  const addressWith = (changes: Readonly<Record<string, string | undefined>>) => {
    const next = new URLSearchParams(text)
    for (const [name, value] of Object.entries(changes)) {
      if (value === undefined) next.delete(name)
      else next.set(name, value)
    }
    return next.size === 0 ? path : `${path}?${next}`
  }
  return {
    get: (name: string) => query.get(name) ?? undefined,
    addressWith,
    set: (changes: Readonly<Record<string, string | undefined>>, { replace = false } = {}) =>
      void navigate({ to: addressWith(changes), replace, resetScroll: false }),
  }
}
