# syntax=docker/dockerfile:1
FROM debian:12
RUN <<EOF
#!/usr/bin/env python3
import sys
print("FROM", sys.version)  # not an instruction
EOF
RUN <<-'SH' bash -eux
	for i in 1 2 3; do
		echo "$i" \
		  and more
	done
	SH
RUN <<UPDATE && echo done
apt-get update
UPDATE
RUN python3 <<PY > /out
print("""
COPY . /nowhere
""")
PY
RUN --mount=type=cache,target=/c <<A && <<B cat > /joined
echo one
A
two
B
RUN bash -c $(cat <<'IN'
echo nested $(date) `hostname`
IN
CMD ["sh"]
