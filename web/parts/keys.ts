import { useEffect, useRef } from 'react'

export type KeyActions = Readonly<Record<string, (event: KeyboardEvent) => void>>

/**
 * Single keys for the whole page, by the character that they make, wherever the keyboard's layout
 * has it. Not while somebody writes, nor over an open dialog or menu.
 */
export function useKeys(actions: KeyActions): void {
  const latest = useRef(actions)
  useEffect(() => {
    latest.current = actions
  })
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
      if (isElsewhere(event.target)) return
      const action = Object.hasOwn(latest.current, event.key) && latest.current[event.key]
      if (action) action(event)
    }
    document.addEventListener('keydown', onKeyDown)
    return () => document.removeEventListener('keydown', onKeyDown)
  }, [])
}

function isElsewhere(target: EventTarget | null): boolean {
  if (document.querySelector('[role=dialog],[role=menu]') !== null) return true
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  )
}
