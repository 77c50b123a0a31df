FROM alpine
COPY . .
COPY ./ /
COPY a b c /d/
COPY *.go go.* **/x [a-z]?.txt /src/
COPY a\ b /c
COPY "quoted" 'single' /q/
COPY $SRC ${DIR:-dir}/$FILE $DEST/
COPY #hash a#b /h/
COPY .dockerignore .git* /dots/
COPY ../outside /o
COPY /absolute /abs
COPY a	b	/tabs/
COPY ["with blank", "and,comma", "[bracket]", "/j/"]
COPY --from=0 / /root
COPY --from=alpine:3 /etc/os-release /
COPY - -x --y /dashes/
COPY -- --x /dash
ADD a.tar.gz b.tgz c.tar.xz d.zip /archives/
ADD http://example.test/a?b=c&d=e#f /url
ADD https://example.test/$FILE ftp://example.test/x /urls/
COPY ü ñ 日本.txt 🐳 /unicode/
