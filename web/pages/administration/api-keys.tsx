import { Page } from '../../parts/page.tsx'
import { KeyList } from '../account/key-list.tsx'
import { NewKeyButton } from '../account/new-key.tsx'

/** All keys of the server. */
export function ApiKeysPage() {
  return (
    <Page title="API keys" wide actions={<NewKeyButton types={['feed', 'system', 'personal']} />}>
      <KeyList />
    </Page>
  )
}
