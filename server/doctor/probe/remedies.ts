import type { Symptom } from './trouble.ts'

/** What to do about a proxy that breaks a request in this way. */
export const remedies: Readonly<Record<Symptom, string>> = {
  authorization:
    'Let the proxy hand on the header Authorization, and ask for no login of its own. nginx: no proxy_set_header Authorization and no auth_basic; Apache: no AuthType, and SetEnvIf or RequestHeader must not unset it.',
  body: 'Layers have no limit: let the proxy have none. nginx: client_max_body_size 0; Apache: LimitRequestBody 0; ingress of nginx: nginx.ingress.kubernetes.io/proxy-body-size: "0". Some services in the cloud have a limit that cannot be lifted (Cloudflare: 100 MB): go round them.',
  buffered:
    'Pushes take twice as long, and the disk of the proxy must hold each layer. nginx: proxy_request_buffering off and proxy_http_version 1.1; ingress of nginx: nginx.ingress.kubernetes.io/proxy-request-buffering: "off".',
  bytes:
    'Something on the way changes what is sent, or a cache answers: let nothing rewrite, filter or cache what is under /v2/.',
  compressed:
    'Let the proxy compress nothing under /v2/, for digests and ranges are of the bytes themselves. nginx: gzip off; Apache: no mod_deflate there; Caddy: no encode.',
  connection:
    'Something on the way cuts the connection: see the log of the proxy, its timeouts (nginx: proxy_read_timeout 900s, proxy_send_timeout 900s) and its limits of bodies; a firewall that inspects bodies does so, too.',
  encoded:
    'Let the proxy hand on addresses as they come, without decoding them. nginx: proxy_pass without a path; Apache: AllowEncodedSlashes NoDecode and nocanon.',
  gateway:
    'The proxy does not get through to the server: see its log, and that it is given the address where the server listens, with http or https as the server speaks it.',
  headers:
    'Let the proxy hand on the headers of answers, above all Docker-Content-Digest, Content-Length, Location, Range and WWW-Authenticate.',
  location:
    'Let the proxy leave Location as it is: the server sends it without scheme and host. nginx: proxy_redirect off; Apache: ProxyPassReverse with the public address.',
  method:
    'Let the proxy allow GET, HEAD, POST, PUT, PATCH and DELETE under /v2/. nginx: no limit_except; a web application firewall has a list of methods.',
  other: 'See the log of the proxy, and docs/behind-a-proxy.md.',
  range:
    'Let the proxy hand on Range and the 206 that answers it: pulls that broke off go on by it.',
  redirect:
    'Clients do not follow when they push. Set ENTREPOT_BASE_URL to the address that the redirect leads to, or let the proxy redirect nothing under /v2/.',
  stranger:
    'Another registry, or another Entrepot, answers there (or the proxy drops everything that has credentials): let the address lead to this one (name server, proxy), or set ENTREPOT_BASE_URL to the one that does.',
}
