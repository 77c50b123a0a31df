FROM caddy:2-builder AS builder
RUN xcaddy build --with github.com/caddy-dns/example@v0.1.0 --with github.com/other/plugin
FROM caddy:2
COPY --from=builder /usr/bin/caddy /usr/bin/caddy
COPY Caddyfile /etc/caddy/Caddyfile
