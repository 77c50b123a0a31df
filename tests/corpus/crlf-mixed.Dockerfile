FROM alpine
RUN a \
  b \
  c
COPY <<A <<B /x/
1
A
2
B
CMD d
