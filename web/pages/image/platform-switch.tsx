import { Select, UnstyledButton } from '@mantine/core'
import { useAddressState } from '../../parts/address-state.ts'
import type { ShownImage } from './image-queries.ts'
import { platformsOf } from './platforms.ts'

/** More than these are better searched than seen. */
const seenAtOnce = 6

/** Of an index: which of its images is looked into. */
export function PlatformSwitch({ shown }: { readonly shown: ShownImage }) {
  const [, setAddress] = useAddressState()
  const all = platformsOf(shown.top.children)
  if (shown.top.kind !== 'index' || all.length === 0) return null
  const current = shown.platform?.name ?? null
  const choose = (platform: string) =>
    setAddress({ platform, path: undefined, layer: undefined }, { asStep: true })
  if (all.length > seenAtOnce) {
    return (
      <Select
        className="narrow"
        label="Platform"
        searchable
        allowDeselect={false}
        data={[...new Set(all.map(({ name }) => name))]}
        value={current}
        onChange={(name) => name !== null && choose(name)}
      />
    )
  }
  return (
    <fieldset className="platform-switch">
      <legend className="for-readers">Platform</legend>
      <span aria-hidden="true">platform</span>
      {all.map(({ name, digest, isHere }) => (
        <UnstyledButton
          key={digest}
          className="platform"
          aria-pressed={digest === shown.platform?.digest}
          onClick={() => choose(name)}
        >
          {name}
          {!isHere && ' (not here)'}
        </UnstyledButton>
      ))}
    </fieldset>
  )
}
