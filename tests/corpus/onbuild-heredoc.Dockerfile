# syntax=docker/dockerfile:1
FROM alpine AS parent
ONBUILD RUN <<EOF
set -e
echo "in the child"
EOF
ONBUILD COPY <<-one.txt <<two.txt /etc/conf/
	first
	one.txt
second
two.txt
onbuild run cat <<E > /log && \
    true
joined
E

FROM parent AS child
RUN test -f /log
