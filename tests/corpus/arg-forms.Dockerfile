ARG BASE=busybox
ARG TAG
FROM ${BASE}:${TAG:-latest}
ARG A
ARG B=1 C="x y" D
