export interface TreeMove {
  readonly focus?: HTMLElement
  readonly toggle?: { readonly path: string; readonly open: boolean }
  /** What a click on this does. */
  readonly select?: HTMLElement
}

/** What a key means in a tree (ARIA Authoring Practices, tree view); undefined: nothing. */
export function treeMove(key: string, target: Element, tree: Element): TreeMove | undefined {
  if (target.getAttribute('role') !== 'treeitem' || !(target instanceof HTMLElement)) {
    return undefined
  }
  const items = [...tree.querySelectorAll<HTMLElement>('[role=treeitem]')]
  const at = items.indexOf(target)
  const to = (item: HTMLElement | undefined) => (item ? { focus: item } : {})
  switch (key) {
    case 'ArrowDown':
      return to(items[at + 1])
    case 'ArrowUp':
      return to(items[at - 1])
    case 'Home':
      return to(items[0])
    case 'End':
      return to(items.at(-1))
    case 'ArrowRight':
      return intoFolder(target)
    case 'ArrowLeft':
      return outOfFolder(target)
    case 'Enter':
    case ' ': {
      const row = target.querySelector<HTMLElement>(':scope > .file-row')
      return row ? { select: row } : {}
    }
    default:
      return undefined
  }
}

function intoFolder(item: HTMLElement): TreeMove {
  const expanded = item.getAttribute('aria-expanded')
  if (expanded === null) return {}
  if (expanded === 'false') return { toggle: { path: item.dataset.path ?? '', open: true } }
  const first = item.querySelector<HTMLElement>('[role=treeitem]')
  return first ? { focus: first } : {}
}

function outOfFolder(item: HTMLElement): TreeMove {
  if (item.getAttribute('aria-expanded') === 'true') {
    return { toggle: { path: item.dataset.path ?? '', open: false } }
  }
  const parent = item.parentElement?.closest<HTMLElement>('[role=treeitem]')
  return parent ? { focus: parent } : {}
}
