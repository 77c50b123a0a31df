# syntax=docker/dockerfile:1-labs
FROM alpine AS src
FROM alpine
COPY --parents ./x/a.txt ./y/a.txt /parents/
COPY --parents --link ./x/./y/*.txt /pivot/
COPY --exclude=*.md --exclude=**/node_modules --exclude=!keep.md . /app/
COPY --from=src --parents --exclude=etc/ssl /etc/./ /copy/
COPY --link=true --chmod=u=rwX,go=rX --chown=app:app bin/ /usr/local/bin/
COPY --link=FALSE a b
ADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.test/linux-0.01.tar.gz /
ADD --keep-git-dir=true --link git@git.example.test:org/repo.git#v1:sub /repo
ADD --keep-git-dir https://github.example.test/org/repo.git#main /repo2
ADD --unpack=false layers.tar.gz /as-is/
ADD --unpack https://example.test/a.tar /unpacked/
ADD --exclude=*.tmp data/ /data/
ADD --checksum=5d4c3b2a https://example.test/repo.git /c
COPY --chmod= a b
