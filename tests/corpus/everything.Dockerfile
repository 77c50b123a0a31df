FROM busybox AS all
LABEL a=b
MAINTAINER Somebody <a@b.example>
EXPOSE 80 443/tcp 53/udp
ENV PATH=/x:$PATH
ADD https://example.test/a.tar.gz /a/
COPY . .
ENTRYPOINT ["/entry"]
VOLUME /v
USER 1000:1000
WORKDIR /with blanks/in it
ARG X
ONBUILD RUN true
STOPSIGNAL 9
HEALTHCHECK CMD curl -f http://localhost/ || exit 1
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
CMD echo "done"
