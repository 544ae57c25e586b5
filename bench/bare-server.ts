import http from 'node:http'

/** What Node itself can do: every request gets the bytes given on the command line. */
const [port, body] = process.argv.slice(2)
const reply = Buffer.from(body ?? '')
const headers = {
  'content-type': 'application/vnd.oci.image.manifest.v1+json',
  'content-length': reply.byteLength,
}

http
  .createServer((_request, response) => {
    response.writeHead(200, headers)
    response.end(reply)
  })
  .listen(Number(port), '127.0.0.1')
