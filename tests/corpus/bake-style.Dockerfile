# syntax=docker/dockerfile:1

ARG GO_VERSION="1.21"
ARG ALPINE_VERSION="3.18"
ARG LINT_VERSION

FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-alpine${ALPINE_VERSION} AS gobase
FROM golangci/golangci-lint:${LINT_VERSION:-v1.55}-alpine AS lint-base

FROM gobase AS vendored
WORKDIR /src
RUN --mount=type=bind,target=.,rw \
    --mount=type=cache,target=/go/pkg/mod <<EOT
  set -e
  go mod tidy
  go mod vendor
  mkdir /out
  cp -r go.mod go.sum vendor /out
EOT

FROM scratch AS vendor-update
COPY --from=vendored /out /

FROM vendored AS vendor-validate
RUN --mount=type=bind,target=.,rw <<EOT
  set -e
  git add -A
  cp -rf /out/* .
  if [ -n "$(git status --porcelain -- go.mod go.sum vendor)" ]; then
    echo >&2 'ERROR: Vendor result differs. Please vendor your package with "docker buildx bake vendor"'
    git status --porcelain -- go.mod go.sum vendor
    exit 1
  fi
EOT

FROM lint-base AS lint
RUN --mount=type=bind,target=. golangci-lint run --timeout=10m

FROM gobase AS test
ARG TESTFLAGS="-race -coverprofile=/tmp/coverage.txt"
RUN --mount=type=bind,target=. \
    --mount=type=tmpfs,target=/run,size=64m \
    go test ${TESTFLAGS} ./... && mkdir /cov && mv /tmp/coverage.txt /cov

FROM scratch AS test-coverage
COPY --from=test /cov/coverage.txt /coverage-root.txt
