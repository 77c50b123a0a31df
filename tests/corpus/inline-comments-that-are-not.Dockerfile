FROM alpine
RUN apk add curl # install curl
COPY a b # c
ENV A=1 B=2
ENV C 3 # part of the value
LABEL d=e
EXPOSE 80 # http
USER me # too
WORKDIR /x # y
CMD run # it
VOLUME /v # w
