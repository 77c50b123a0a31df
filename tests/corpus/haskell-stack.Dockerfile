FROM haskell:9.4-slim AS build
WORKDIR /opt/app
COPY stack.yaml stack.yaml.lock package.yaml ./
RUN stack build --system-ghc --only-dependencies
COPY . .
RUN stack install --system-ghc --local-bin-path /out --ghc-options='-O2 -optl-static -fPIC'
FROM gcr.io/distroless/base
COPY --from=build /out/app-exe /app
CMD ["/app", "+RTS", "-N", "-A64m", "-RTS"]
