FROM alpine
COPY <<EOF /empty-lines

   
		

EOF
RUN <<EOF

echo "after a blank line"

EOF
RUN true
