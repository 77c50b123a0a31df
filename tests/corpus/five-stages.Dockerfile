FROM debian AS deps
RUN one
FROM deps AS build
COPY . .
RUN two
FROM build AS test
RUN three
FROM scratch AS artefact
COPY --from=build /out /
FROM debian
COPY --from=artefact / /app
COPY --from=0 /etc/os-release /
COPY --from=busybox:latest /bin/busybox /bin/
#dev-cmd-live=watch
CMD run
