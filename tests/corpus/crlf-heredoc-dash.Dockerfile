FROM alpine
RUN cat <<-EOF
		one
	EOF
RUN true
