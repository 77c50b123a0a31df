FROM busybox
RUN --mount=type=tmpfs,target=/t \
  --network=none \
  sh -e <<EOF
true
EOF
COPY --chmod=755 --chown=1:1 <<run.sh /bin/
#!/bin/sh
run.sh
ONBUILD RUN <<EOF
#dev-run=inside
EOF
ONBUILD COPY <<EOF /x
text
EOF
