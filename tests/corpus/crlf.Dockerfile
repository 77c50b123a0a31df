# syntax=docker/dockerfile:1
FROM busybox
RUN echo a \
  b
# c
COPY x y
