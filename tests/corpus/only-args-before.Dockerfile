ARG A=1

# about B
ARG B
FROM busybox
