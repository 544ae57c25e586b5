import { Button } from '@mantine/core'
import { useState } from 'react'
import type { ApiKeyInfo } from '../../../contract/api-keys.ts'
import { Icon } from '../../parts/icon.tsx'
import { KeyForm } from './key-form.tsx'
import { ShownKey } from './shown-key.tsx'

/** Makes a key of one of these types and shows its secret, this once. */
export function NewKeyButton({ types }: { readonly types: readonly ApiKeyInfo['type'][] }) {
  const [state, setState] = useState<'form' | ApiKeyInfo>()
  const close = () => setState(undefined)
  return (
    <>
      <Button leftSection={<Icon name="add" size={16} />} onClick={() => setState('form')}>
        New API key
      </Button>
      {state === 'form' && (
        <KeyForm
          types={types}
          // The secret takes the place of the form.
          onClose={() => setState((now) => (now === 'form' ? undefined : now))}
          onMade={setState}
        />
      )}
      {state !== undefined && state !== 'form' && <ShownKey made={state} onClose={close} />}
    </>
  )
}
