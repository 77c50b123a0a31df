FROM alpine:edge AS build
RUN apk add --no-cache zig
COPY build.zig build.zig.zon /z/
COPY src /z/src
WORKDIR /z
RUN zig build -Doptimize=ReleaseSmall -Dtarget=x86_64-linux-musl
FROM scratch
COPY --from=build /z/zig-out/bin/app /
CMD [ "/app" ]
