FROM busybox
ONBUILD RUN echo 1
ONBUILD COPY --chown=1 a b
ONBUILD CMD ["x"]
ONBUILD ENV A=1 B="2 3"
onbuild   workdir   /x
