FROM alpine
RUN cat <<EOF
 EOF
EOF 
EOFF
	EOF
EOF
RUN cat <<-EOF
    EOF
		EOF
RUN cat <<EOF
RUN cat <<EOF
EOF
RUN cat <<"a b" <<c\ d
one
a b
two
c d
RUN cat <<E"O"F <<'E'OF
1
EOF
2
EOF
RUN <<0
zero
0
RUN 10<<_a-b.c~d
x
_a-b.c~d
