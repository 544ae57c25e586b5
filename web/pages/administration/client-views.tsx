import { Badge, Group, Stack, Text, Title } from '@mantine/core'
import type { ClientView } from '../../../contract/health.ts'
import { CodeBlock } from '../../parts/copy.tsx'
import { Facts } from '../../parts/facts.tsx'
import { Time } from '../../parts/time.tsx'

const askedOf: Readonly<Record<ClientView['from'], string>> = {
  own: 'At its own port',
  base: 'At the address for clients',
}

/** The server's answers to a client without credentials, as they came over the network. */
export function ClientViews({ views }: { readonly views: readonly ClientView[] }) {
  return (
    <section aria-labelledby="views">
      <Title order={2} id="views" mb="xs">
        What a client sees
      </Title>
      <Stack gap="lg">
        {views.map((view) => (
          <View key={view.from} view={view} />
        ))}
      </Stack>
    </section>
  )
}

function View({ view }: { readonly view: ClientView }) {
  const { from, url, status, challenge, realm, problem, certificate } = view
  return (
    <Stack gap="xs" component="section" aria-label={askedOf[from]}>
      <Title order={3} size="h4">
        {askedOf[from]}
      </Title>
      <Facts
        facts={{
          Asked: <span className="mono">GET {url}</span>,
          Answer: status === null ? `none: ${problem}` : status,
          'Sends logins to': realm !== null && <span className="mono">{realm}</span>,
          TLS: url.startsWith('https:') ? 'yes' : 'none: plain HTTP',
          Certificate: certificate && <CertificateFacts certificate={certificate} />,
        }}
      />
      {challenge !== null && (
        <CodeBlock
          text={`WWW-Authenticate: ${challenge}`}
          label="Copy the WWW-Authenticate header"
        />
      )}
    </Stack>
  )
}

type Certificate = NonNullable<ClientView['certificate']>

function CertificateFacts({ certificate }: { readonly certificate: Certificate }) {
  const { subject, issuer, names, validFrom, validTo, isTrusted } = certificate
  return (
    <Stack gap={2}>
      <Group gap="xs">
        {subject}, by {issuer}
        <Badge color={isTrusted ? 'green' : 'yellow'}>
          {isTrusted ? 'trusted here' : 'not known here'}
        </Badge>
      </Group>
      <Text size="sm">For {names.join(', ')}</Text>
      <Text size="sm">
        From <Time at={validFrom} /> to <Time at={validTo} />
      </Text>
    </Stack>
  )
}
