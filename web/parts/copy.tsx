import { ActionIcon, Code, Tooltip } from '@mantine/core'
import { useState } from 'react'
import { Icon } from './icon.tsx'

const shownMs = 1500

/** Puts a text on the clipboard; the label says what it is: "Copy the digest". */
export function CopyButton({ text, label }: { readonly text: string; readonly label: string }) {
  const [state, setState] = useState<'ready' | 'copied' | 'failed'>('ready')
  const copy = async () => {
    setState((await copyText(text)) ? 'copied' : 'failed')
    setTimeout(() => setState('ready'), shownMs)
  }
  const words = { ready: label, copied: 'Copied', failed: 'Select it and press Ctrl C' }[state]
  return (
    <Tooltip label={words} events={{ hover: true, focus: true, touch: true }}>
      <ActionIcon
        className="copy"
        variant="subtle"
        color="gray"
        aria-label={words}
        onClick={() => void copy()}
      >
        <Icon name={state === 'copied' ? 'check' : 'copy'} size={16} />
      </ActionIcon>
    </Tooltip>
  )
}

/** Lines for a shell or a file, whole and ready to copy. */
export function CodeBlock({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <div className="shell-lines">
      <Code block tabIndex={0}>
        {text}
      </Code>
      <CopyButton text={text} label={label} />
    </div>
  )
}

/** Whether it is there now. Without HTTPS browsers have no clipboard for pages, but still the old way. */
export async function copyText(text: string): Promise<boolean> {
  if (window.isSecureContext) {
    return await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    )
  }
  const area = document.createElement('textarea')
  area.value = text
  area.readOnly = true
  area.className = 'offscreen'
  const focused = document.activeElement
  // Inside of an open dialog, which holds the focus.
  const place = document.querySelector('[role=dialog]') ?? document.body
  place.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  if (focused instanceof HTMLElement) focused.focus()
  return copied
}
