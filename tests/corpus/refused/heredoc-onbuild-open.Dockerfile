FROM alpine
ONBUILD COPY <<EOF /x
text
