FROM alpine
RUN ["a","b"]
RUN	[	"a"	,	"b"	]
RUN ["\u0041\t\n\"\\\/\ud83d\udc33"]
RUN ["lone \ud800 surrogate"]
RUN ["trailing",]
RUN ["unclosed
RUN [single]
CMD []x
RUN [ "$X" = y ] && echo z
RUN [[ -n "$X" ]] || true
RUN {"a": "b"}
CMD []
CMD [""]
CMD ["a" "b"]
ENTRYPOINT [ ]
ENTRYPOINT ["sh", "-c", "exec \"$0\" \"$@\"", "--"]
COPY ["a", "b", "/c/"]
COPY [a] b /c/
COPY [ab] /c
ADD ["with \"quotes\".txt", "/c\\d/"]
SHELL ["/bin/sh","-c"]
VOLUME ["/v"]
