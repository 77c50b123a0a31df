FROM alpine
RUN cat << EOF > /x && echo one
COPY a b
EOF
RUN cat 3<< 'A B' <<-C << D | tr a b
$one
A B
	two
	C
three
D
CMD x
