FROM busybox
RUN <<EOF
EOF
COPY <<A /a


A
