import { Kbd, Modal, Table } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useNavigate } from '@tanstack/react-router'
import { useRef } from 'react'
import { useKeys } from '../parts/keys.ts'
import { useWhoami } from '../queries/session.ts'
import { type Place, places } from './places.ts'
import { search } from './search.ts'

/** How long after `g` the next key still counts. */
const patienceMs = 1500

/** `g c` and the like, and `?`, which lists them all. */
export function Shortcuts() {
  const caller = useWhoami()
  const navigate = useNavigate()
  const [opened, { open, close }] = useDisclosure(false)
  const pressedAt = useRef(Number.NEGATIVE_INFINITY)
  const reachable = places.filter(({ key, isFor }) => key !== undefined && isFor(caller))
  const go = ({ to }: Place) => {
    if (performance.now() - pressedAt.current > patienceMs) return
    pressedAt.current = Number.NEGATIVE_INFINITY
    void navigate({ to })
  }
  useKeys({
    ...Object.fromEntries(reachable.map((place) => [place.key, () => go(place)])),
    g() {
      pressedAt.current = performance.now()
    },
    '?': open,
    '/'(event) {
      // Else the character lands in the field that opens.
      event.preventDefault()
      search.open()
    },
  })
  const rows: readonly (readonly [readonly string[], string])[] = [
    [['/'], 'Search, also with Ctrl K'],
    ...reachable.map(({ key = '', title }) => [['g', key], `Go to ${title}`] as const),
    [['j'], 'The next row of a table'],
    [['k'], 'The row before'],
    [['Enter'], 'Open the row'],
    [['x'], 'Choose the row, in a list of tags'],
    [['c'], 'Copy the line that pulls the row'],
    [['?'], 'This list'],
  ]
  return (
    <Modal opened={opened} onClose={close} title="Keyboard" centered>
      <Table>
        <Table.Tbody>
          {rows.map(([keys, what]) => (
            <Table.Tr key={what}>
              <Table.Td>
                {keys.map((key) => (
                  <Kbd key={key} mr={4}>
                    {key}
                  </Kbd>
                ))}
              </Table.Td>
              <Table.Td>{what}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  )
}
