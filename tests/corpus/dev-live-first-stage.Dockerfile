FROM alpine AS one
CMD a
#dev-cmd-live=tail -f /dev/null
CMD b
ENTRYPOINT []
FROM one AS two
RUN never
