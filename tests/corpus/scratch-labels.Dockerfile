FROM scratch AS meta
LABEL only="metadata"
MAINTAINER nobody
FROM scratch
COPY --from=meta . /
ENTRYPOINT []
