FROM busybox
RUN echo ${A:-b} $(date) `id` $$ {a,b} "${x}" && [ "$A" = "b" ]
COPY ${SRC:-a} $DST/
WORKDIR /a/$B/${C}
