import { Group } from '@mantine/core'
import { Link, useRouterState } from '@tanstack/react-router'
import { Fragment } from 'react'
import { CopyButton } from '../parts/copy.tsx'
import {
  addressOf,
  formatReference,
  parseReference,
  type Reference,
  shortDigest,
} from '../reference.ts'
import { places } from './places.ts'

interface Crumb {
  readonly text: string
  readonly to: string
  /** What stands before it; the first has nothing. */
  readonly separator: '/' | ':' | '@' | ''
}

/** Where one is. Below a registry it is the image's reference itself, each part a link. */
export function Breadcrumb() {
  const path = useRouterState({ select: ({ location }) => location.pathname })
  const reference = referenceAt(path)
  const crumbs = reference ? crumbsOf(reference) : placeCrumbs(path)
  const whole = reference && `${window.location.host}/${formatReference(reference)}`
  return (
    <Group component="nav" aria-label="Breadcrumb" gap={4} wrap="nowrap" className="breadcrumb">
      <ol>
        {crumbs.map(({ text, to, separator }, index) => (
          <Fragment key={to}>
            {separator && <li aria-hidden="true">{separator}</li>}
            <li>
              <Link to={to} aria-current={index === crumbs.length - 1 ? 'page' : undefined}>
                {text}
              </Link>
            </li>
          </Fragment>
        ))}
      </ol>
      {whole && <CopyButton text={whole} label="Copy the reference" />}
    </Group>
  )
}

function referenceAt(path: string): Reference | undefined {
  const prefix = '/containers/'
  return path.startsWith(prefix) ? parseReference(decode(path.slice(prefix.length))) : undefined
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function crumbsOf({ feed, repository, tag, digest }: Reference): readonly Crumb[] {
  const host = window.location.host
  const crumbs: Crumb[] = [
    { text: host, to: '/containers', separator: '' },
    { text: feed, to: addressOf({ feed }), separator: '/' },
  ]
  const segments = repository?.split('/') ?? []
  for (const [index, text] of segments.entries()) {
    const part = segments.slice(0, index + 1).join('/')
    const isWhole = index === segments.length - 1
    // What only stands before other names is a search for those.
    const to = isWhole
      ? addressOf({ feed, repository: part })
      : `${addressOf({ feed })}?search=${encodeURIComponent(`${part}/`)}`
    crumbs.push({ text, to, separator: '/' })
  }
  if (tag) {
    crumbs.push({ text: tag, to: addressOf({ feed, repository, tag }), separator: ':' })
  }
  if (digest) {
    const to = addressOf({ feed, repository, tag, digest })
    crumbs.push({ text: shortDigest(digest), to, separator: '@' })
  }
  return crumbs
}

function placeCrumbs(path: string): readonly Crumb[] {
  const found = places.filter(({ to }) => path === to || path.startsWith(`${to}/`))
  return found.map(({ title, to }, index) => ({
    text: title,
    to,
    separator: index === 0 ? '' : '/',
  }))
}
