# The image of Entrepot: `docker build -t entrepot .`
#
# Builder and base are arguments, for those who mirror images or have a base of their own. Both want
# the same architecture; the base wants glibc and libstdc++, which every slim Debian has.
ARG NODE_IMAGE=node:lts-slim
ARG BASE_IMAGE=debian:stable-slim

FROM ${NODE_IMAGE} AS build
# Where npm gets packages, if not from the public registry.
ARG NPM_CONFIG_REGISTRY
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
# What is needed to run: the built files, the one package with compiled code, and node itself.
RUN npm run build \
 && node deploy/sbom.mjs > dist/sbom.spdx.json \
 && npm prune --omit=dev --no-audit --no-fund \
 && node deploy/pick-files.mjs /app \
 && mkdir -p /app/bin && cp "$(command -v node)" /app/bin/node \
 && printf '#!/bin/sh\nexec /app/bin/node /app/dist/server/start.cjs "$@"\n' > /app/bin/entrepot \
 && chmod 755 /app/bin/entrepot \
 && install -d -m 700 /empty-data

FROM ${BASE_IMAGE}
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Entrepot" \
      org.opencontainers.image.description="A private Docker/OCI registry server: one process, any number of registries." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /app /app
# A new volume begins as a copy of this folder, and so belongs to who runs here.
COPY --from=build --chown=10001:10001 /empty-data /data
ENV PATH=/app/bin:$PATH \
    NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=131072 \
    ENTREPOT_DATA_DIR=/data \
    ENTREPOT_LISTEN=0.0.0.0:8624
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8624
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=12s --start-period=60s --retries=3 CMD ["entrepot", "health"]
ENTRYPOINT ["entrepot"]
CMD ["serve"]
