FROM busybox
RUN a \
# one
# two
CMD