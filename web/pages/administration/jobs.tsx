import { Page } from '../../parts/page.tsx'
import { Jobs } from '../jobs/jobs.tsx'

/** What the server does by itself, in every registry and for all of them. */
export function JobsPage() {
  return (
    <Page title="Jobs" wide>
      <Jobs />
    </Page>
  )
}
