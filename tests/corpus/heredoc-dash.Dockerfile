FROM busybox
RUN <<-EOF
	echo a
		echo b
	EOF
RUN <<-EOF
echo c
EOF
CMD sh
