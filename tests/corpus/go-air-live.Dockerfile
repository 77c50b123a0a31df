FROM golang:1.22
WORKDIR /app
RUN go install github.com/cosmtrek/air@v1.49.0
COPY go.mod go.sum ./
RUN go mod download
#dev-cmd-live=air -c .air.toml
COPY . .
RUN go build -o /usr/local/bin/app ./...
CMD ["/usr/local/bin/app"]
