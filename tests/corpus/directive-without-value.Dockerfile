# escape=
# syntax=
FROM alpine
RUN a \
 b
