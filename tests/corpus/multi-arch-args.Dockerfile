FROM --platform=$TARGETPLATFORM alpine AS target
ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT
ARG BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT
RUN printf '%s\n' "$TARGETPLATFORM" "${TARGETOS}/${TARGETARCH}${TARGETVARIANT:+/}${TARGETVARIANT}" "$BUILDPLATFORM"
FROM alpine AS build-amd64
RUN echo amd64 > /arch
FROM alpine AS build-arm64
RUN echo arm64 > /arch
FROM alpine AS build-arm
RUN echo arm > /arch
FROM --platform=linux/s390x alpine AS build-s390x
FROM build-${TARGETARCH:-amd64} AS final
COPY --from=target /etc/os-release /target
ADD https://example.test/download/${TARGETARCH:-amd64}/tool /usr/bin/tool
