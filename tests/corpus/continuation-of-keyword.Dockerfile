FROM debian:12
RU\
N echo split
COPY\
 a b
\
ENV A=1
