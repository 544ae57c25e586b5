/** A file of an archive; its name has at most 100 characters, of ASCII. */
export interface TarFile {
  readonly name: string
  readonly content: Buffer
}

const blockBytes = 512

/** An archive of small files as POSIX.1-1988 has it (ustar), each for its owner alone. */
export function makeTar(files: readonly TarFile[], now: number): Buffer {
  const blocks = files.flatMap(({ name, content }) => [
    makeHeader(name, content.byteLength, now),
    content,
    Buffer.alloc((blockBytes - (content.byteLength % blockBytes)) % blockBytes),
  ])
  // Two empty blocks are the end.
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)])
}

function makeHeader(name: string, bytes: number, now: number): Buffer {
  const header = Buffer.alloc(blockBytes)
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`
  header.write(name, 0, 100, 'latin1')
  header.write(octal(0o600, 7), 100, 'latin1')
  header.write(octal(0, 7), 108, 'latin1')
  header.write(octal(0, 7), 116, 'latin1')
  header.write(octal(bytes, 11), 124, 'latin1')
  header.write(octal(Math.floor(now / 1000), 11), 136, 'latin1')
  header.write('        ', 148, 'latin1')
  header.write('0', 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  // Of all bytes, its own field taken as spaces.
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}
