ARG NAME=alpine
from alpine
FROM alpine:3
FROM alpine@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef as digest
FROM localhost:5000/team/alpine:3 AS with.dots-and_underscores
FROM --platform=linux/arm64/v8 alpine aS arm
FROM --platform="$BUILDPLATFORM" ${NAME} AS quoted
FROM "alpine" AS q2
FROM ${NAME:-debian}:${TAG:-latest} AS d
FROM	arm	AS	TABS
FROM --platform=${TARGETOS:-linux}/${TARGETARCH:-amd64} \
     tabs \
     # the name
     AS \
     continued
FROM scratch
