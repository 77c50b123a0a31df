

FROM alpine

RUN true


