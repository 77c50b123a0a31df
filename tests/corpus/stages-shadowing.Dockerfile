FROM alpine AS alpine
COPY a /
FROM alpine
COPY b /
FROM debian AS same
COPY one /
FROM debian AS same
COPY two /
FROM scratch
COPY --from=same /two /
COPY --from=0 /a /
COPY --from=ALPINE /a /a2
