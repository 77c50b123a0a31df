# syntax=docker/dockerfile:1
# escape=`
FROM x
RUN a `
 b\
CMD c
