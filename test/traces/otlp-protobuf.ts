import type { Facts, ReceivedSpan } from './receiver.ts'

/** One field as it stands on the wire: its number, and its value by its wire type. */
interface Field {
  readonly number: number
  readonly value: bigint | Buffer
}

/** Protocol Buffers, "Encoding": tag, then a varint, eight bytes, or so many bytes as a varint says. */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = []
  for (let at = 0; at < message.byteLength; ) {
    const tag = readVarint(message, at)
    const number = Number(tag.value >> 3n)
    const type = Number(tag.value & 7n)
    const head = hasVarint(type) ? readVarint(message, tag.end) : { value: 0n, end: tag.end }
    const fixed = { 1: 8n, 5: 4n }[type]
    if (!hasVarint(type) && fixed === undefined) throw new Error(`a field of type ${type} at ${at}`)
    at = type === 0 ? head.end : head.end + Number(fixed ?? head.value)
    if (at > message.byteLength) throw new Error(`field ${number} is cut off`)
    fields.push({ number, value: type === 0 ? head.value : message.subarray(head.end, at) })
  }
  return fields
}

const hasVarint = (type: number) => type === 0 || type === 2

function readVarint(message: Buffer, start: number): { value: bigint; end: number } {
  let value = 0n
  for (let end = start; ; end += 1) {
    const byte = message.readUInt8(end)
    value |= BigInt(byte & 0x7f) << BigInt(7 * (end - start))
    if (byte < 0x80) return { value, end: end + 1 }
  }
}

const bytesOf = (message: Buffer, number: number): Buffer[] =>
  fieldsOf(message).flatMap((field) =>
    field.number === number && Buffer.isBuffer(field.value) ? [field.value] : [],
  )
const firstOf = (message: Buffer, number: number) => bytesOf(message, number)[0] ?? Buffer.alloc(0)
const integerOf = (message: Buffer, number: number) =>
  Number(fieldsOf(message).find((field) => field.number === number)?.value ?? 0n)

/** AnyValue: 1 string, 2 bool, 3 int, 4 double. */
function plainValue(message: Buffer): string | number | boolean {
  const [field] = fieldsOf(message)
  if (field?.number === 1) return String(field.value)
  if (field?.number === 2) return field.value === 1n
  if (field?.number === 3) return Number(field.value)
  if (field?.number === 4 && Buffer.isBuffer(field.value)) return field.value.readDoubleLE()
  throw new Error(`an attribute of the kind ${field?.number}`)
}

function factsOf(pairs: Buffer[]): Facts {
  return Object.fromEntries(
    pairs.map((pair) => [firstOf(pair, 1).toString(), plainValue(firstOf(pair, 2))]),
  )
}

/** opentelemetry/proto/collector/trace/v1, ExportTraceServiceRequest. */
export function decodeProtobuf(body: Buffer): ReceivedSpan[] {
  return bytesOf(body, 1).flatMap((ofResource) => {
    const resource = factsOf(bytesOf(firstOf(ofResource, 1), 1))
    return bytesOf(ofResource, 2)
      .flatMap((ofScope) => bytesOf(ofScope, 2))
      .map((span) => ({
        resource,
        traceId: firstOf(span, 1).toString('hex'),
        spanId: firstOf(span, 2).toString('hex'),
        parentSpanId: firstOf(span, 4).toString('hex'),
        name: firstOf(span, 5).toString(),
        kind: integerOf(span, 6),
        start: firstOf(span, 7).readBigUInt64LE(),
        end: firstOf(span, 8).readBigUInt64LE(),
        attributes: factsOf(bytesOf(span, 9)),
        status: integerOf(firstOf(span, 15), 3),
      }))
  })
}
