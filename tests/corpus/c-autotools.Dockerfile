FROM alpine:3.19 AS build
RUN apk add build-base autoconf automake libtool
ADD https://example.test/releases/tool-1.2.3.tar.gz /src/
RUN cd /src && tar xzf tool-*.tar.gz --strip-components 1 \
	&& ./configure --prefix=/usr CFLAGS='-Os -pipe' \
	&& make -j$(getconf _NPROCESSORS_ONLN) && make DESTDIR=/dest install
FROM alpine:3.19
COPY --from=build /dest /
ENTRYPOINT ["tool"]
