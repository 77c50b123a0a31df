# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM tonistiigi/xx:1.4.0 AS xx
FROM --platform=${BUILDPLATFORM:-linux/amd64} golang:1.22-alpine AS base
COPY --from=xx / /
WORKDIR /src
ENV CGO_ENABLED=0

FROM base AS version
RUN --mount=target=. \
  PKG=github.com/example/tool VERSION=$(git describe --match 'v[0-9]*' --dirty='.m' --always --tags) && \
  echo "-X ${PKG}/version.Version=${VERSION}" | tee /tmp/.ldflags; echo -n "${VERSION}" > /tmp/.version

FROM base AS build
ARG TARGETPLATFORM
ARG TARGETOS
ARG TARGETARCH
ARG TARGETVARIANT
RUN --mount=type=bind,target=. \
    --mount=type=bind,from=version,source=/tmp/.ldflags,target=/tmp/.ldflags \
    --mount=type=cache,target=/root/.cache/go-build,id=build-$TARGETPLATFORM \
    GOARM=${TARGETVARIANT#v} xx-go build -ldflags "$(cat /tmp/.ldflags)" -o /usr/bin/tool . && xx-verify /usr/bin/tool

FROM scratch AS binaries-unix
COPY --link --from=build /usr/bin/tool /tool
FROM binaries-unix AS binaries-darwin
FROM binaries-unix AS binaries-linux
FROM scratch AS binaries-windows
COPY --link --from=build /usr/bin/tool /tool.exe
FROM binaries-$TARGETOS AS binaries
FROM alpine AS image
COPY --from=binaries /tool /usr/local/bin/
