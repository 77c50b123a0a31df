FROM alpine
# end