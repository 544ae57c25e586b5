import { openFilling } from '../database-filling.ts'
import { formatCount, type Row, type Sample, scaled } from '../row.ts'
import { type Data, openData } from '../servers.ts'

const blobs = 1_000_000

/** From the start of the process to the first 200 of `/health`. */
export const start: Row = {
  name: 'start',
  title: (options) => `ready with ${formatCount(scaled(blobs, options))} blobs`,
  unit: 's',
  better: 'less',
  baseline: () => 'with none',
  aims: [{ figure: 'value', relation: '<=', bound: 1.5 }],
  async prepare({ options, keep }) {
    const many = keep(
      await openData(options, (file) => {
        using filling = openFilling(file)
        filling.addBlobs('bench/blobs', scaled(blobs, options))
      }),
    )
    const none = keep(await openData(options, () => {}))
    const ready = async (data: Data): Promise<Sample> => {
      await using server = await data.start()
      return { value: server.readySeconds }
    }
    return { entrepot: () => ready(many), baseline: () => ready(none) }
  },
}
