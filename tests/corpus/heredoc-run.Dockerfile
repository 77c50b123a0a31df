FROM busybox
RUN <<EOF
echo one
# not a comment
FROM nowhere

echo two \
EOF
CMD sh
