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
  const search = useRouterState({ select: ({ location }) => location.search })
  // The router makes numbers of what looks like one.
  const fields: Fields = Object.fromEntries(
    Object.entries(search).map(([name, value]) => [name, String(value)]),
  )
  const navigate = useNavigate()
  const set = (changes: Fields, { asStep } = { asStep: false }) => {
    const next = (old: Fields) =>
      Object.fromEntries(Object.entries({ ...old, ...changes }).filter(([, value]) => value))
    // Letters of a filter are no steps to go back over; another tab is one.
    void navigate({ to: '.', search: next as never, replace: !asStep, resetScroll: false })
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
