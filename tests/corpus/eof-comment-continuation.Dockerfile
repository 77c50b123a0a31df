FROM alpine
CMD a
# ends in an escape \
