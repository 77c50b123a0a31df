FROM alpine
RUN cat <<EOF
	text
	EOF
