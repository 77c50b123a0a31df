FROM --platform=linux/amd64 busybox AS x.y-z_1
COPY --from=x.y-z_1 --link a b
COPY --link=false --chown="1:2" --chmod=0644 a b
COPY --parents --exclude=*.md --exclude=*.txt ./a/./b /c/
COPY -- --odd /x
ADD --checksum=sha256:abc --keep-git-dir=true https://example.test/x /y
RUN --security=sandbox --network=host --mount=type=secret,id=a --mount=type=ssh true
HEALTHCHECK --start-period=1s --start-interval=1s --retries=3 CMD ["true"]
HEALTHCHECK NONE
RUN echo --not=flag
