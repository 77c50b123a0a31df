FROM alpine
ENV A=1 # the port
