FROM rust:1.76 AS build
RUN rustup target add x86_64-unknown-linux-musl
RUN USER=root cargo new --bin service
WORKDIR /service
COPY ./Cargo.lock ./Cargo.lock
COPY ./Cargo.toml ./Cargo.toml
RUN cargo build --release --target x86_64-unknown-linux-musl \
  ; rm src/*.rs
COPY ./src ./src
RUN rm -f ./target/x86_64-unknown-linux-musl/release/deps/service* && \
    cargo build --release --target x86_64-unknown-linux-musl && \
    strip target/x86_64-unknown-linux-musl/release/service

FROM alpine:3
COPY --from=build /service/target/x86_64-unknown-linux-musl/release/service .
EXPOSE 8080/tcp 8443/tcp
CMD ./service
