#syntax=docker.io/docker/dockerfile-upstream:master-labs
#  escape  =  `
FROM alpine
RUN a `
  b
