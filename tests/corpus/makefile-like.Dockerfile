FROM debian:12
COPY Makefile .
RUN make -j8 \
	CC="gcc -std=c11" \
	CFLAGS='-DVERSION=\"1.0\" -DSEP=\\;' \
	PREFIX=/usr \
	install
RUN echo "a\tb" && printf "100%%\n" && echo -e "\\x41"
RUN	echo	tab	separated
