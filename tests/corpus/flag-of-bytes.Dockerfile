FROM alpine
COPY --chown=größe --exclude=é*.txt a /ä/
RUN --mount=type=cache,target=/ñ echo é
