FROM busybox
COPY <<one.txt <<two.txt file /dest/
first
one.txt
second
two.txt
RUN cat 3<<A 4<<B
a
A
b
B
