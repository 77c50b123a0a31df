FROM bufbuild/buf:1 AS buf
FROM golang:1.22 AS gen
COPY --from=buf /usr/local/bin/buf /usr/local/bin/
RUN go install google.golang.org/protobuf/cmd/protoc-gen-go@latest
WORKDIR /proto
COPY buf.*.yaml buf.lock ./
COPY **/*.proto ./
RUN buf generate
FROM scratch AS export
COPY --from=gen /proto/gen/ .
