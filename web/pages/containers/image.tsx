import { useQuery } from '@tanstack/react-query'
import { api } from '../../../contract/api.ts'
import { CodeBlock } from '../../parts/copy.tsx'
import { Page } from '../../parts/page.tsx'
import { Failure, Waiting } from '../../parts/states.tsx'
import { callQuery } from '../../queries/calls.ts'
import { formatReference, type Reference } from '../../reference.ts'

/** An image: the line that pulls it. */
export function ImagePage(props: {
  readonly reference: Reference & { readonly repository: string }
}) {
  const { feed, repository, tag, digest } = props.reference
  const { data, error, refetch } = useQuery(callQuery(api.feeds.get, { params: { name: feed } }))
  const title = formatReference(props.reference)
  if (data === undefined) {
    return (
      <Page title={title}>
        {error ? <Failure error={error} onRetry={() => void refetch()} /> : <Waiting />}
      </Page>
    )
  }
  const prefix = data.endpointUrl.replace(/^https?:\/\//, '')
  const image = `${prefix}${formatReference({ repository, tag, digest })}`
  return (
    <Page title={title}>
      <CodeBlock text={`docker pull ${image}`} label="Copy the pull line" />
    </Page>
  )
}
