import { Fragment, type ReactNode, useEffect, useState } from 'react'
import { SourceText } from '../../../parts/source-text.tsx'
import { visible } from '../../../parts/visible.ts'
import { languageOf } from './language.ts'

/** More than this is read as it is: colours would cost more than they help. */
const maxColoured = 100_000

type Tree = Awaited<ReturnType<typeof import('./highlight.ts')['highlight']>>

/** A text, coloured where its language is known. */
export function FileText({ name, text }: { readonly name: string; readonly text: string }) {
  const [tree, setTree] = useState<Tree>()
  useEffect(() => {
    const language = text.length <= maxColoured ? languageOf(name, text) : undefined
    let wanted = language !== undefined
    const colour = async (known: string) => {
      const { highlight } = await import('./highlight.ts')
      if (wanted) setTree(highlight(known, text))
    }
    // Without colours it is still a text.
    if (language !== undefined) colour(language).catch(() => undefined)
    return () => {
      wanted = false
    }
  }, [name, text])
  return (
    <SourceText className="file-text" label={name}>
      {tree ? <Nodes nodes={tree.children} /> : visible(text)}
    </SourceText>
  )
}

/** Elements, never markup: what is in the file stays text. */
function Nodes({ nodes }: { readonly nodes: Tree['children'] }): ReactNode {
  return nodes.map((node, at) => {
    // biome-ignore-start lint/suspicious/noArrayIndexKey: a text is cut the same way each time.
    if (node.type === 'text') return <Fragment key={at}>{visible(node.value)}</Fragment>
    if (node.type !== 'element') return null
    const classes = node.properties.className
    return (
      <span key={at} className={Array.isArray(classes) ? classes.join(' ') : undefined}>
        <Nodes nodes={node.children} />
      </span>
    )
    // biome-ignore-end lint/suspicious/noArrayIndexKey: see above.
  })
}
