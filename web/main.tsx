import { localStorageColorSchemeManager, MantineProvider } from '@mantine/core'
import { Notifications } from '@mantine/notifications'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { setNonce } from 'get-nonce'
import { createRoot } from 'react-dom/client'
import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import '@mantine/spotlight/styles.css'
import './style.css'
import './pages/containers/containers.css'
import { createQueryClient, type Watcher } from './queries/query-client.ts'
import { createPages } from './router.tsx'
import { watchSession } from './session-end.ts'
import { cssVariables, theme } from './theme.ts'

// The policy of the page lets in the styles that carry this, and no others (docs/decisions/0006).
const nonce = document.querySelector<HTMLMetaElement>('meta[name=csp-nonce]')?.nonce ?? ''
setNonce(nonce)

const watcher: Watcher = { unauthorized: () => {} }
const queries = createQueryClient(watcher)
const router = createPages(queries)
watcher.unauthorized = watchSession(queries, router)

const root = document.getElementById('root')
if (root !== null) {
  createRoot(root).render(
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      colorSchemeManager={localStorageColorSchemeManager({ key: 'entrepot-theme' })}
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" />
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>,
  )
}
