FR\
OM alpi\
ne A\
S ba\
se
RU\
N echo \
a
COPY \
--from=\
base \
/a \
/b
EN\
V A\
=\
1 B="x \
y"
CMD [ \
"a", \
\
"b" \
]
ENTRYPOINT\
 ["x"]
LABEL \
a=1
