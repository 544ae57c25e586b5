import { Text, UnstyledButton } from '@mantine/core'
import { type KeyboardEvent, useEffect, useRef, useState } from 'react'
import { api } from '../../../../contract/api.ts'
import type { FileEntry } from '../../../../contract/image-files.ts'
import { Icon } from '../../../parts/icon.tsx'
import { visible } from '../../../parts/visible.ts'
import { FileMarks } from './file-marks.tsx'
import { type FilesPlace, useFilePages } from './file-pages.ts'
import { treeMove } from './tree-keys.ts'

interface Tree {
  readonly place: FilesPlace
  readonly selected: string
  readonly onSelect: (path: string) => void
  /** Where the keyboard is. */
  readonly active: string
  readonly setActive: (path: string) => void
  readonly isOpen: (path: string) => boolean
  readonly toggle: (path: string, open: boolean) => void
}

/** Folders that load when they are opened. Arrows, Home, End and Enter work as in any tree. */
export function FileTree(props: {
  readonly place: FilesPlace
  readonly selected: string
  readonly onSelect: (path: string) => void
}) {
  const [active, setActive] = useState('')
  const [opened, setOpened] = useState<ReadonlySet<string>>(() => foldersAbove(props.selected))
  const ref = useRef<HTMLUListElement>(null)
  const toggle = (path: string, open: boolean) => {
    const next = new Set(opened)
    if (open) next.add(path)
    else next.delete(path)
    setOpened(next)
  }
  const { selected } = props
  useEffect(() => {
    // A link, or a search, may lead anywhere.
    setOpened((before) => new Set([...before, ...foldersAbove(selected)]))
  }, [selected])
  const tree: Tree = { ...props, active, setActive, toggle, isOpen: (path) => opened.has(path) }
  const onKeyDown = (event: KeyboardEvent<HTMLUListElement>) => {
    const move = ref.current && treeMove(event.key, event.target as Element, ref.current)
    if (!move) return
    event.preventDefault()
    if (move.focus) move.focus.focus()
    if (move.toggle) toggle(move.toggle.path, move.toggle.open)
    if (move.select) move.select.click()
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a tree, as ARIA has it.
    <ul role="tree" aria-label="Files" className="file-tree" ref={ref} onKeyDown={onKeyDown}>
      <Item tree={tree} path="" name="/" level={1} isFolder entry={undefined} />
    </ul>
  )
}

/** `usr/bin/env` is below the root, `usr` and `usr/bin`. */
function foldersAbove(path: string): ReadonlySet<string> {
  const parts = path.split('/')
  return new Set(['', ...parts.slice(0, -1).map((_, at) => parts.slice(0, at + 1).join('/'))])
}

function Item(props: {
  readonly tree: Tree
  readonly path: string
  readonly name: string
  readonly level: number
  readonly isFolder: boolean
  readonly entry: FileEntry | undefined
}) {
  const { tree, path, name, level, isFolder, entry } = props
  const isOpen = isFolder && tree.isOpen(path)
  const select = () => {
    tree.setActive(path)
    tree.onSelect(path)
    if (isFolder && path !== '') tree.toggle(path, !isOpen || tree.selected !== path)
  }
  return (
    <li
      role="treeitem"
      aria-level={level}
      aria-expanded={isFolder ? isOpen : undefined}
      aria-selected={tree.selected === path}
      tabIndex={tree.active === path ? 0 : -1}
      data-path={path}
      onFocus={(event) => {
        event.stopPropagation()
        tree.setActive(path)
      }}
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: the tree has the keys. */}
      <div
        className="file-row"
        data-deleted={entry?.change === 'deleted' || undefined}
        onClick={select}
      >
        <span className="file-twist" data-open={isOpen || undefined}>
          {isFolder && <Icon name="next" size={12} />}
        </span>
        <span className="file-name">{visible(name)}</span>
        {entry && <FileMarks entry={entry} inLayer={tree.place.layer !== undefined} />}
      </div>
      {isOpen && <Folder tree={tree} path={path} level={level + 1} />}
    </li>
  )
}

function Folder(props: { readonly tree: Tree; readonly path: string; readonly level: number }) {
  const { tree, path, level } = props
  const { replies, error, more, isMoreOnTheWay, retry } = useFilePages(api.imageFiles.list, {
    ...tree.place,
    path,
  })
  const entries = replies.flatMap((reply) => (reply.state === 'ready' ? reply.entries : []))
  const last = replies.at(-1)
  return (
    // biome-ignore lint/a11y/useSemanticElements: a group of a tree.
    <ul role="group">
      {entries.map((entry) => (
        <Item
          key={entry.path}
          tree={tree}
          path={entry.path}
          name={entry.name}
          level={level}
          isFolder={entry.type === 'directory' && entry.change !== 'deleted'}
          entry={entry}
        />
      ))}
      {!last && !error && <Note>Loading…</Note>}
      {last?.state === 'ready' && entries.length === 0 && <Note>Nothing in it.</Note>}
      {last?.state === 'indexing' && <Note>The layers are being read…</Note>}
      {last?.state === 'unreadable' && <Note>{last.message}</Note>}
      {error && <More onClick={retry}>It could not be loaded. Try again</More>}
      {more && <More onClick={more}>{isMoreOnTheWay ? 'Loading…' : 'Show more'}</More>}
    </ul>
  )
}

function Note({ children }: { readonly children: string }) {
  return (
    <li role="none" className="file-note">
      <Text span size="sm" c="dimmed">
        {children}
      </Text>
    </li>
  )
}

function More(props: { readonly onClick: () => void; readonly children: string }) {
  return (
    <li role="none" className="file-note">
      <UnstyledButton className="file-more" onClick={props.onClick}>
        {props.children}
      </UnstyledButton>
    </li>
  )
}
