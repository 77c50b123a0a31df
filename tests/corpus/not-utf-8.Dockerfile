# Latin-1: café
FROM alpine
LABEL a=café b="ÿþ"
RUN echo é \
  # é
  €¿
COPY été /ü/
COPY <<EOF /x
é
EOF
#dev-run=echo é
CMD ["é"]
