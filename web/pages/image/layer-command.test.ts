import { expect, test } from 'vitest'
import { formatCommand } from './layer-command.ts'

test.for([
  ['/bin/sh -c #(nop)  CMD ["sh"]', 'CMD ["sh"]'],
  ['/bin/sh -c #(nop) ADD file:abc in / ', 'ADD file:abc in /'],
  ['/bin/sh -c apt-get update && true', 'RUN apt-get update && true'],
  ['RUN /bin/sh -c make install # buildkit', 'RUN make install'],
  ['RUN |1 VERSION=1 /bin/sh -c echo $VERSION # buildkit', 'RUN echo $VERSION'],
  ['|2 A=1 B=x y /bin/sh -c echo $A', 'RUN echo $A'],
  ['COPY app /app # buildkit', 'COPY app /app'],
  ['WORKDIR /srv', 'WORKDIR /srv'],
] as const)('%s was %s', ([createdBy, line]) => expect(formatCommand(createdBy)).toBe(line))
