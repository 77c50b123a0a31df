# note=this
# escape=`
FROM alpine
# syntax=later
RUN a \
  b
# check=skip=all
RUN c
