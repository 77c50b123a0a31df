FROM alpine
MAINTAINER Ann Onymous "ann@example.test" <x>
maintainer x
LABEL maintainer=x
EXPOSE 1
USER a
STOPSIGNAL 9
WORKDIR /
VOLUME /
ONBUILD WORKDIR /x
HEALTHCHECK NONE
CMD true
