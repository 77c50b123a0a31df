FROM busybox
RUN echo it's <<EOF
CMD sh
