FROM busybox
RUN one && \
  #dev-run=ignored
  two
COPY <<EOF /file
#dev-copy=a b
EOF
#dev-copy=c d
CMD sh
