FROM golang:1.22-alpine AS build
RUN apk add --no-cache ca-certificates tzdata upx
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download && go mod verify
COPY . ./
ARG VERSION=dev COMMIT DATE
RUN CGO_ENABLED=0 go build \
      -trimpath \
      -ldflags="-s -w -X 'main.version=${VERSION}' -X main.commit=${COMMIT:-none} -X main.date=${DATE:-unknown}" \
      -o /bin/server ./cmd/server && upx -q /bin/server
RUN echo "nobody:x:65534:65534:Nobody:/:" > /etc_passwd

FROM scratch
COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /etc_passwd /etc/passwd
COPY --from=build /bin/server /server
USER nobody
ENTRYPOINT ["/server"]
