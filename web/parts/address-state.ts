import { useMatch, useNavigate, useSearch } from '@tanstack/react-router'

type Fields = Readonly<Record<string, string | undefined>>

/**
 * What stands behind the `?` of this page's address, so that a link brings it back: filters, tabs,
 * what is opened. The second sets some of it, the third is the address with it set; undefined or ''
 * takes a field out. On the way to another page it stays what it was for this one, which is still
 * shown: with the next page's address it would ask for what nobody wants, or what is gone.
 */
export function useAddressState(): readonly [
  Fields,
  (changes: Fields, how?: { readonly asStep: boolean }) => void,
  (changes: Fields) => string,
] {
  const fields: Fields = useSearch({ strict: false })
  const path = useMatch({ strict: false, select: ({ pathname }) => pathname })
  const navigate = useNavigate()
  const set = (changes: Fields, { asStep } = { asStep: false }) => {
    const next = (old: Fields) => Object.fromEntries(given({ ...old, ...changes }))
    // Letters of a filter are no steps to go back over; another tab is one.
    void navigate({ to: '.', search: next as never, replace: !asStep, resetScroll: false })
  }
  const addressWith = (changes: Fields) => {
    const query = new URLSearchParams(given({ ...fields, ...changes }))
    return query.size === 0 ? path : `${path}?${query}`
  }
  return [fields, set, addressWith]
}

function given(fields: Fields): [string, string][] {
  return Object.entries(fields).flatMap(([name, value]) => (value ? [[name, value]] : []))
}

/** The field's value if it is one of these, else the first of them. */
export function oneOf<Value extends string>(
  text: string | undefined,
  values: readonly [Value, ...Value[]],
): Value {
  return values.find((value) => value === text) ?? values[0]
}
