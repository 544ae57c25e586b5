import { useNavigate, useRouterState } from '@tanstack/react-router'

type Fields = Readonly<Record<string, string | undefined>>

/**
 * What stands behind the `?` of the address, so that a link brings it back: filters, tabs, what is
 * opened. The second sets some of it; undefined or '' takes a field out.
 */
export function useAddressState(): readonly [
  Fields,
  (changes: Fields, how?: { readonly asStep: boolean }) => void,
] {
  const fields = useRouterState({ select: ({ location }) => location.search }) as Fields
  const navigate = useNavigate()
  const set = (changes: Fields, { asStep } = { asStep: false }) => {
    const search = (old: Fields) =>
      Object.fromEntries(Object.entries({ ...old, ...changes }).filter(([, value]) => value))
    // Letters of a filter are no steps to go back over; another tab is one.
    void navigate({ to: '.', search: search as never, replace: !asStep, resetScroll: false })
  }
  return [fields, set]
}

/** The field's value if it is one of these, else the first of them. */
export function oneOf<Value extends string>(
  text: string | undefined,
  values: readonly [Value, ...Value[]],
): Value {
  return values.find((value) => value === text) ?? values[0]
}
