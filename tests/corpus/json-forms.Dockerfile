FROM busybox
RUN ["echo", "a b"]
RUN [ "echo" , \
  "x" ]
RUN ["echo", "tail"] # ignored
RUN ['not', 'json']
RUN ["broken"
RUN [ -f /etc/passwd ] && echo yes
COPY ["a b", "c", "/d e/"]
ADD ["x\u0041\n", "/y"]
VOLUME ["/data", "/more"]
VOLUME /one /two
SHELL ["/bin/sh", "-ec"]
CMD ["sh", "-c", "echo \"q\""]
