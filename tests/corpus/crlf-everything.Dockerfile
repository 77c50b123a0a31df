# syntax=docker/dockerfile:1
# escape=\

FROM alpine AS a
RUN one \
    # comment

    && two \
    && three
ENV A=1 \
    B="x y"
COPY ["a", \
      "b"]
#dev-run=echo crlf
#dev-cmd-live=sleep 1
RUN <<EOF
echo a
EOF
CMD ["x"]
