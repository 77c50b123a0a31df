FROM ocaml/opam:debian-12-ocaml-5.1 AS build
RUN sudo apt-get install -yq libgmp-dev pkg-config
COPY --chown=opam:opam *.opam /home/opam/src/
WORKDIR /home/opam/src
RUN opam install . --deps-only -y
COPY --chown=opam:opam . .
RUN opam exec -- dune build --profile=release ./bin/main.exe
FROM debian:12-slim
COPY --from=build /home/opam/src/_build/default/bin/main.exe /usr/bin/app
ENTRYPOINT ["app"]
