FROM alpine
HEALTHCHECK NONE
HEALTHCHECK none
HEALTHCHECK --interval=30s NONE
HEALTHCHECK CMD exit 0
healthcheck --interval=5m --timeout=3s --start-period=1m --start-interval=500ms --retries=10 cmd ["curl", "-f", "http://localhost/"]
HEALTHCHECK    CMD	[ "/bin/true" ]
HEALTHCHECK \
    --interval=1h30m \
    # between
    --timeout=0s \
    CMD \
      curl -fs http://localhost:$PORT/ \
      || exit 1
HEALTHCHECK --retries=0 CMD pg_isready -U "$POSTGRES_USER" -d '${POSTGRES_DB}'
HEALTHCHECK CMD ["sh", "-c", "echo \"[\\\"json\\\"]\""]
HEALTHCHECK CMD [not json
