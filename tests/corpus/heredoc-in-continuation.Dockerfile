FROM alpine
RUN cat <<EOF > /a \
  && echo after \

  # a comment before the body
  && true
body \
# kept
EOF
COPY \
  --chown=1 \
  # the source
  <<EOF \
  /b
text
EOF
RUN echo one \
 && cat <<ONE <<TWO | sort
b
ONE
a
TWO
