import { Anchor, Badge, Button, Checkbox, Group, Stack, Textarea, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../../../contract/api.ts'
import type { AttributeInfo, TaskInfo } from '../../../contract/security-tasks.ts'
import type { Column } from '../../parts/data-table.tsx'
import { DeleteButton } from '../../parts/delete-button.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Page } from '../../parts/page.tsx'
import { PagedList } from '../../parts/paged-list.tsx'
import { Empty } from '../../parts/states.tsx'
import { callQuery, useCall } from '../../queries/calls.ts'

/** Tasks: named sets of rights, which permissions give. */
export function TasksPage() {
  const [edited, setEdited] = useState<TaskInfo | 'new'>()
  const add = (
    <Button leftSection={<Icon name="add" size={16} />} onClick={() => setEdited('new')}>
      New task
    </Button>
  )
  return (
    <Page title="Tasks" wide actions={add}>
      <PagedList
        route={api.securityTasks.list}
        caption="Tasks"
        columns={columnsWith(setEdited)}
        keyOf={({ name }) => name}
        empty={<Empty title="No task">A task is a set of rights with a name.</Empty>}
      />
      {edited && (
        <TaskForm
          task={edited === 'new' ? undefined : edited}
          onClose={() => setEdited(undefined)}
        />
      )}
    </Page>
  )
}

function columnsWith(edit: (task: TaskInfo) => void): readonly Column<TaskInfo>[] {
  return [
    {
      title: 'Task',
      render: (task) => (
        <>
          <Anchor component="button" type="button" onClick={() => edit(task)}>
            {task.name}
          </Anchor>{' '}
          {task.builtIn && <Badge color="gray">built in</Badge>}
        </>
      ),
    },
    { title: 'Description', render: ({ description }) => description },
    {
      title: 'Rights',
      render: ({ attributes }) => (
        <Group gap={4}>
          {attributes.map((name) => (
            <Badge key={name} color="gray">
              {name}
            </Badge>
          ))}
        </Group>
      ),
    },
    {
      title: 'Actions',
      silent: true,
      render: (task) => (task.builtIn ? null : <DeleteTask task={task} />),
    },
  ]
}

function DeleteTask({ task }: { readonly task: TaskInfo }) {
  const remove = useCall(api.securityTasks.delete, [api.securityTasks.list])
  return (
    <DeleteButton
      what={`the task ${task.name}`}
      onDelete={() => remove.mutateAsync({ query: { task: task.name } })}
    >
      Only a task that no permission uses can be deleted.
    </DeleteButton>
  )
}

function TaskForm(props: { readonly task: TaskInfo | undefined; readonly onClose: () => void }) {
  const { task, onClose } = props
  const { data: known = [] } = useQuery(callQuery(api.securityTasks.attributes))
  const add = useCall(api.securityTasks.add, [api.securityTasks.list])
  const update = useCall(api.securityTasks.update, [api.securityTasks.list])
  const form = useForm({
    initialValues: {
      name: task?.name ?? '',
      description: task?.description ?? '',
      attributes: [...(task?.attributes ?? [])],
    },
  })
  return (
    <FormDialog
      title={task ? `The task ${task.name}` : 'New task'}
      verb={task ? 'Save' : 'Add the task'}
      {...{ form, onClose }}
      submit={(body) => (task ? update : add).mutateAsync({ body })}
    >
      {!task && <TextInput label="Name" required data-autofocus {...form.getInputProps('name')} />}
      <Textarea label="Description (optional)" autosize {...form.getInputProps('description')} />
      <Checkbox.Group label="Rights" {...form.getInputProps('attributes')}>
        <Stack gap="xs" mt="xs">
          {known.map((attribute) => (
            <AttributeBox key={attribute.name} attribute={attribute} />
          ))}
        </Stack>
      </Checkbox.Group>
    </FormDialog>
  )
}

function AttributeBox({ attribute: { name, scope } }: { readonly attribute: AttributeInfo }) {
  return (
    <Checkbox
      value={name}
      label={name}
      description={scope === 'server' ? 'For the server as a whole only.' : undefined}
    />
  )
}
