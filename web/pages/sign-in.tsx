import {
  Anchor,
  Button,
  Divider,
  Paper,
  PasswordInput,
  Stack,
  TextInput,
  Title,
} from '@mantine/core'
import { useForm } from '@mantine/form'
import { useDocumentTitle } from '@mantine/hooks'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, useRouter } from '@tanstack/react-router'
import { api } from '../../contract/api.ts'
import { call } from '../../contract/call.ts'
import { client, isRefused } from '../call.ts'
import { Failure } from '../parts/states.tsx'
import { forgetSession, providersQuery, signIn } from '../queries/session.ts'
import { readReturnPath } from '../return-path.ts'

const route = getRouteApi('/sign-in')

/** Users of this server and of its directories by password, and a button for each provider. */
export function SignInPage() {
  useDocumentTitle('Sign in · Entrepot')
  const to = readReturnPath(route.useSearch().to)
  return (
    <main className="sign-in">
      <Paper withBorder p="xl" radius="md">
        <Stack gap="md">
          <Title order={1}>Sign in to Entrepot</Title>
          <PasswordForm to={to} />
          <Providers to={to} />
          <WithoutUser to={to} />
        </Stack>
      </Paper>
    </main>
  )
}

function PasswordForm({ to }: { readonly to: string }) {
  const queries = useQueryClient()
  const goBack = useGoBack()
  const form = useForm({ initialValues: { userName: '', password: '' } })
  const login = useMutation({
    mutationFn: (values: typeof form.values) => signIn(queries, values),
    // Whoever has the password of the first start is new here.
    onSuccess: ({ generatedPassword }) => goBack(generatedPassword ? '/welcome' : to),
  })
  return (
    <form onSubmit={form.onSubmit((values) => login.mutate(values))}>
      <Stack gap="sm">
        {login.error && <SignInFailure error={login.error} />}
        <TextInput
          label="User name"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          data-autofocus
          autoFocus
          {...form.getInputProps('userName')}
        />
        <PasswordInput
          label="Password"
          autoComplete="current-password"
          required
          {...form.getInputProps('password')}
        />
        <Button type="submit" loading={login.isPending}>
          Sign in
        </Button>
      </Stack>
    </form>
  )
}

function SignInFailure({ error }: { readonly error: unknown }) {
  if (!isRefused(error, 401)) return <Failure error={error} />
  return (
    <div role="alert" className="sign-in-refusal">
      {(error as Error).message}
    </div>
  )
}

function Providers({ to }: { readonly to: string }) {
  const { data = [] } = useQuery(providersQuery)
  if (data.length === 0) return null
  return (
    <>
      <Divider label="or" />
      {data.map(({ name, loginUrl }) => (
        <Button
          key={loginUrl}
          variant="default"
          component="a"
          href={`${loginUrl}?return=${encodeURIComponent(to)}`}
        >
          Sign in with {name}
        </Button>
      ))}
    </>
  )
}

/** For who only wants to see public registries, also when the cookie of an ended session is there. */
function WithoutUser({ to }: { readonly to: string }) {
  const queries = useQueryClient()
  const goBack = useGoBack()
  const leave = useMutation({
    mutationFn: async () => {
      await call(client, api.sessions.logout)
      await forgetSession(queries)
    },
    onSuccess: () => goBack(to),
  })
  return (
    <Anchor component="button" type="button" fz="sm" onClick={() => leave.mutate()}>
      Go on without signing in, to public registries
    </Anchor>
  )
}

function useGoBack() {
  const router = useRouter()
  return async (to: string) => {
    await router.invalidate()
    router.history.push(to)
  }
}
