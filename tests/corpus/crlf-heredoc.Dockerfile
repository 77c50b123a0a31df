FROM busybox
COPY <<EOF /x
one
two
EOF
CMD sh
