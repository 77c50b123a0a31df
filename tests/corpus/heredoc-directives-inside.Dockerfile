FROM alpine
#dev-run=echo outside
RUN <<EOF
#dev-run=echo inside
# dev-cmd-live = inside
EOF
COPY <<EOF /x
#dev-copy=a b
EOF
#dev-cmd-live=cat /x
RUN <<EOF
echo dropped in the live Dockerfile
#dev-env=A=1
EOF
CMD echo done
