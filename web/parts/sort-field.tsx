import { NativeSelect } from '@mantine/core'

/** In which order a list is shown: `name-asc` and the like, with words. */
export function SortField<Value extends string>(props: {
  readonly options: readonly { readonly value: Value; readonly label: string }[]
  readonly value: Value
  readonly onChange: (value: Value) => void
}) {
  return (
    <NativeSelect
      aria-label="Order"
      data={[...props.options]}
      value={props.value}
      onChange={(event) => {
        const chosen = props.options.find(({ value }) => value === event.currentTarget.value)
        if (chosen) props.onChange(chosen.value)
      }}
    />
  )
}
