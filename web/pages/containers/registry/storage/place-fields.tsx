import { NumberInput, PasswordInput, Radio, Stack, Switch, TextInput } from '@mantine/core'
import type { UseFormReturnType } from '@mantine/form'
import type { StoreKind } from '../../../../../contract/storage.ts'
import type { PlaceValues } from './place-values.ts'

type Form = UseFormReturnType<PlaceValues>
type Property = StoreKind['properties'][string]

/** The kind, and below it the properties that it has. */
export function PlaceFields(props: {
  readonly form: Form
  readonly kinds: readonly StoreKind[]
  readonly kind: StoreKind
  /** Names of the secrets that are kept, of this kind. */
  readonly kept: readonly string[]
}) {
  const { form, kinds, kind, kept } = props
  return (
    <>
      <Radio.Group label="Kind of store" {...form.getInputProps('id')}>
        <Stack gap="xs" mt={4}>
          {kinds.map(({ id, name, description }) => (
            <Radio key={id} value={id} label={name} description={description} />
          ))}
        </Stack>
      </Radio.Group>
      {Object.values(kind.properties).map((property) => (
        <PlaceField
          key={`${kind.id} ${property.name}`}
          form={form}
          path={`${kind.id}.${property.name}`}
          property={property}
          isKept={kept.includes(property.name)}
        />
      ))}
    </>
  )
}

/** One property, as its kind describes it. The names are those of the API, which errors use too. */
function PlaceField(props: {
  readonly form: Form
  readonly path: string
  readonly property: Property
  readonly isKept: boolean
}) {
  const { form, path, property, isKept } = props
  const { name, type, required, placeholder } = property
  const description = required ? `${property.description} Needed.` : property.description
  if (type === 'boolean') {
    const input = form.getInputProps(path, { type: 'checkbox' })
    return <Switch label={name} description={description} {...input} />
  }
  const common = { label: name, description, ...form.getInputProps(path) }
  if (type === 'secret') {
    const stays = 'One is kept. Empty: it stays, as long as the place is the same.'
    return (
      <PasswordInput
        {...common}
        {...(isKept && { description: `${description} ${stays}` })}
        required={required && !isKept}
        autoComplete="off"
        spellCheck={false}
      />
    )
  }
  if (type === 'integer') {
    return (
      <NumberInput
        {...{ ...common, required, placeholder }}
        min={1}
        allowDecimal={false}
        allowNegative={false}
        hideControls
      />
    )
  }
  return (
    <TextInput
      {...{ ...common, required, placeholder }}
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
    />
  )
}
