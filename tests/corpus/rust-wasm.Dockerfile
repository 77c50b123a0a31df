FROM rust:slim AS wasm
RUN cargo install wasm-pack --locked
WORKDIR /w
COPY crates/ crates/
COPY Cargo.toml Cargo.lock ./
RUN wasm-pack build crates/ui --target web --out-dir /pkg
FROM caddy:2
COPY --from=0 /pkg /srv/pkg
COPY index.html /srv/
COPY <<'CADDY' /etc/caddy/Caddyfile
:80 {
	root * /srv
	file_server
	header *.wasm Content-Type application/wasm
}
CADDY
