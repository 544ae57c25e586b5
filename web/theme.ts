import {
  Anchor,
  Badge,
  type CSSVariablesResolver,
  createTheme,
  type MantineColorsTuple,
  Menu,
  Modal,
  Notification,
  PasswordInput,
  Textarea,
  TextInput,
} from '@mantine/core'

/** The colour of what can be clicked. All other colour means state. */
const harbour: MantineColorsTuple = [
  '#eef6f9',
  '#dbeaf0',
  '#b5d4e0',
  '#8dbdd0',
  '#6ba9c2',
  '#4d97b4',
  '#33809e',
  '#226783',
  '#1b5870',
  '#17475c',
]

/** Grey with a little of it, so that dark pages are no negatives of light ones. */
const dark: MantineColorsTuple = [
  '#d5dade',
  '#b4bdc4',
  '#98a4ad',
  '#6b7782',
  '#414c55',
  '#333d45',
  '#252e35',
  '#1a2127',
  '#141a1f',
  '#0e1316',
]

export const theme = createTheme({
  primaryColor: 'harbour',
  colors: { harbour, dark },
  primaryShade: { light: 7, dark: 7 },
  defaultRadius: 'sm',
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Anchor: Anchor.extend({ defaultProps: { inherit: true } }),
    Badge: Badge.extend({ defaultProps: { variant: 'light', tt: 'none', radius: 'sm' } }),
    // Its placeholder has no place among the items, say the rules for menus.
    Menu: Menu.extend({ defaultProps: { withInitialFocusPlaceholder: false } }),
    Modal: Modal.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } }),
    Notification: Notification.extend({
      defaultProps: { closeButtonProps: { 'aria-label': 'Close' } },
      styles: { description: { color: 'var(--mantine-color-dimmed)' } },
    }),
    // Most fields are needed: those that are not say so.
    PasswordInput: PasswordInput.extend({
      defaultProps: { withAsterisk: false, visibilityToggleFocusable: true },
    }),
    Textarea: Textarea.extend({ defaultProps: { withAsterisk: false } }),
    TextInput: TextInput.extend({ defaultProps: { withAsterisk: false } }),
  },
  headings: {
    fontWeight: '600',
    sizes: { h1: { fontSize: '1.5rem' }, h2: { fontSize: '1.15rem' } },
  },
})

/** Where the library's own greys and reds have too little contrast (WCAG AA). */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': 'var(--mantine-color-gray-7)',
    '--mantine-color-placeholder': 'var(--mantine-color-gray-7)',
    '--mantine-color-error': 'var(--mantine-color-red-9)',
    '--mantine-color-red-filled': 'var(--mantine-color-red-9)',
    '--mantine-color-anchor': 'var(--mantine-color-harbour-8)',
    '--mantine-color-harbour-light-color': 'var(--mantine-color-harbour-9)',
    // Darker than the filled red: it stands on the colour of a fresh row, too.
    '--mantine-color-red-light-color': '#b02525',
    '--mantine-color-red-outline': 'var(--mantine-color-red-9)',
    '--mantine-color-green-light-color': '#1b6b2f',
    '--mantine-color-yellow-light-color': '#7a4a00',
    '--mantine-color-gray-light-color': 'var(--mantine-color-gray-8)',
  },
  dark: {
    '--mantine-color-dimmed': 'var(--mantine-color-dark-1)',
    '--mantine-color-placeholder': 'var(--mantine-color-dark-2)',
    '--mantine-color-error': 'var(--mantine-color-red-4)',
    '--mantine-color-red-filled': 'var(--mantine-color-red-9)',
    '--mantine-color-anchor': 'var(--mantine-color-harbour-3)',
    '--mantine-color-harbour-light-color': 'var(--mantine-color-harbour-2)',
    '--mantine-color-red-light-color': 'var(--mantine-color-red-4)',
    '--mantine-color-red-outline': 'var(--mantine-color-red-4)',
    '--mantine-color-green-light-color': 'var(--mantine-color-green-3)',
    '--mantine-color-yellow-light-color': 'var(--mantine-color-yellow-3)',
    '--mantine-color-gray-light-color': 'var(--mantine-color-dark-0)',
  },
})
