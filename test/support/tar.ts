const blockBytes = 512
const endOfArchive = Buffer.alloc(2 * blockBytes)

/** A tar archive of plain files, all of them executable; the same files give the same bytes. */
export function formatTar(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const entries = Object.entries(files).flatMap(([name, content]) => {
    const bytes = Buffer.from(content)
    return [formatTarHeader(name, bytes.byteLength), bytes, tarPadding(bytes.byteLength)]
  })
  return Buffer.concat([...entries, endOfArchive])
}

/** What stands before a file of so many bytes (POSIX.1-1988, ustar). */
export function formatTarHeader(name: string, sizeBytes: number): Buffer {
  const header = Buffer.alloc(blockBytes)
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at)
  if (Buffer.byteLength(name) > 100) throw new Error(`too long a name for ustar: ${name}`)
  header.write(name, 0)
  octal(0o755, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(sizeBytes, 124, 11)
  octal(0, 136, 11)
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\u000000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

/** What follows a file of so many bytes. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((blockBytes - (sizeBytes % blockBytes)) % blockBytes)
}
