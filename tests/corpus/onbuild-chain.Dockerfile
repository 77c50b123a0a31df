FROM alpine AS a
ONBUILD \
  RUN \
    # in a trigger
    echo 1 && \

    echo 2
ONBUILD RUN ["echo", "json"]
FROM a AS b
ONBUILD RUN echo 3
FROM b AS c
FROM c
